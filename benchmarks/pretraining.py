"""Speed of pretraining: `mamebert pretrain` and the Trainer of `transformers`, in turn and in one process.

    python benchmarks/pretraining.py                 four shapes, all peers: some ten minutes of two idle cores
    python benchmarks/pretraining.py --quick         the main shape, its main peers: under 50 seconds of two idle cores
    python benchmarks/pretraining.py --torch-only    ours without its native kernels
    python benchmarks/pretraining.py --shards RUN    on the output of `mamebert tokenize` instead of invented tokens

Ends with one JSON line; the full run keeps it in benchmarks/results/. Rates are real tokens (padding is none) a second
of the processor's own time, so other work on the machine matters little; every ratio is the median over rounds in which
each side took some steps.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

# Threads that wait by spinning would be counted as work. Read when torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from _clock import Round, machine, summary
from _ours import Ours, Shape, alternate
from _text import invent, invent_vectors, one_sentence_each
from _trainer import Trained, bert, grouped, modern_bert, sequences

from mamebert.corpus.token_shards import read_manifest
from mamebert.evaluation.cost.peak_flops import product_peak
from mamebert.kernels import status
from mamebert.training.devices import pick_device, pick_precision

VOCAB = 32_000
MAIN = Shape(256, 4)
OTHERS = (Shape(256, 4, 256), Shape(384, 6), Shape(128, 24), Shape(1024, 4))
EMULATED = 16
"""Where bfloat16 is no instruction of the processor the peer's autocast is so slow that fewer sequences must do."""


@dataclass
class Bench:
    """What every comparison shares."""

    folder: Path
    shards: Path
    lines: Path
    """The same text with every sentence a document."""
    quick: bool
    device: torch.device
    deadline: float

    @property
    def vocab_size(self) -> int:
        return int(read_manifest(self.shards)["vocab_size"])

    @property
    def sequences(self) -> int:
        """Sequences in a batch of the peer; ours has as many tokens as that makes with all padding."""
        return 16 if self.quick else 32

    @property
    def rounds(self) -> int:
        return 2 if self.quick else 3

    def ours(self, shape: Shape, shards: Path | None = None, objective: str = "masked_lm", **more: Any) -> Ours:
        ours = Ours(shape, shards or self.shards, self.sequences * shape.length, objective, **more)
        ours.take(1)  # warms up
        return ours

    def against(self, peer: Trained, ours: dict[str, Ours], steps: int = 1, rounds: int = 0) -> dict[str, Any]:
        """Let the peer and each of ours take their turns; return the rates and the ratios of every round."""
        found: dict[str, list[Round]] = {name: [] for name in ours}
        wanted = rounds or self.rounds

        def pause() -> bool:
            for name, each in ours.items():
                found[name].append(each.take(1 if each.work.config.encoder.hidden_size > MAIN.width else 2))
            done = len(found["ours"]) - 1
            return done < wanted and (not done or monotonic() < self.deadline)

        theirs = peer.rounds(steps, pause)
        record = {"peer": summary(theirs), "real_share_of_peers_tokens": round(peer.real_share, 3)}
        for name, all_of_it in found.items():
            ratios = [a.rate / b.rate for a, b in zip(all_of_it[1:], theirs, strict=True)]
            record[name] = summary(all_of_it[1:])
            record[f"{name}_against_peer"] = round(median(ratios), 2)
        print(json.dumps(record), file=sys.stderr)  # a long run shows that it gets somewhere
        return record


def train(bench: Bench, model: Any, rows: Any, sequences: int = 0, **more: Any) -> Trained:
    """Return the peer at work on some rows."""
    return Trained(
        model, rows, bench.shards / "tokenizer", bench.folder / "trainer", sequences or bench.sequences,
        use_cpu=bench.device.type == "cpu", **more,
    )  # fmt: skip


def grouped_texts(bench: Bench, shape: Shape) -> dict[str, Any]:
    """Blocks of one length, where the peer has no padding to compute: float32 and bfloat16."""
    vocab_size = bench.vocab_size
    rows = grouped(sequences(Ours(shape, bench.lines, bench.sequences * shape.length).work), shape.length)
    ours = {"ours": bench.ours(shape)}
    if shape == MAIN and status().path != "torch":
        ours["ours_in_torch"] = bench.ours(shape, native=False)
    rounds = bench.rounds if shape == MAIN else 2
    found = {"trainer_fp32": bench.against(train(bench, bert(shape, vocab_size), rows), ours, rounds=rounds)}
    native = pick_precision("auto", bench.device) == torch.bfloat16
    if native or shape == MAIN:
        few, rounds = (0, 0) if native else (max(1, bench.sequences // EMULATED), 1 if bench.quick else 2)
        peer = train(bench, bert(shape, vocab_size), rows, few, bf16=True)
        found["trainer_bf16"] = bench.against(peer, {"ours": ours["ours"]}, rounds=rounds)
    if not bench.quick and shape == MAIN:
        no_dropout = bert(shape, vocab_size, attention_probs_dropout_prob=0.0)
        found["trainer_fp32_attention_dropout_0"] = bench.against(train(bench, no_dropout, rows), ours)
        modern = modern_bert(shape, vocab_size)
        found["trainer_fp32_modernbert_sparse"] = bench.against(train(bench, modern, rows), ours)
    return found


def line_by_line(bench: Bench, shape: Shape) -> dict[str, Any]:
    """Every sentence by itself: the peer pads each batch to its longest; ours lays them end to end."""
    vocab_size = bench.vocab_size
    ours = {"ours": bench.ours(shape, bench.lines)}
    rows = sequences(ours["ours"].work)
    found = {"trainer_fp32": bench.against(train(bench, bert(shape, vocab_size), rows), ours)}
    if bench.quick:
        return found
    by_length = {"train_sampling_strategy": "group_by_length"}
    peer = train(bench, bert(shape, vocab_size), rows, **by_length)
    found["trainer_fp32_group_by_length"] = bench.against(peer, ours, steps=2)
    if pick_precision("auto", bench.device) == torch.bfloat16:
        peer = train(bench, bert(shape, vocab_size), rows, bf16=True, **by_length)
        found["trainer_bf16_group_by_length"] = bench.against(peer, ours, steps=2)
    return found


def sentence_pairs(bench: Bench, shape: Shape) -> dict[str, Any]:
    """Masked words and next sentence."""
    ours = bench.ours(shape, objective="masked_lm_nsp")
    peer = train(bench, bert(shape, bench.vocab_size, "BertForPreTraining"), sequences(ours.work))
    return {"trainer_fp32": bench.against(peer, {"ours": ours})}


def frozen(bench: Bench, shape: Shape) -> dict[str, Any]:
    """Token embeddings that learn (N) and that do not (W), in turn; and their share of the machine's peak."""
    vectors = invent_vectors(bench.shards, shape.width, bench.folder / "vectors")
    both = {"N": bench.ours(shape), "W": bench.ours(shape, vectors=vectors)}
    rounds = alternate(both, bench.rounds)
    peak = product_peak(bench.device, pick_precision("auto", bench.device), torch.get_num_threads())
    ratios = [n.rate / w.rate for n, w in zip(rounds["N"], rounds["W"], strict=True)]
    return {
        **{
            name: summary(each) | {"mfu": round(median(r.speed for r in each) / peak.flops, 3)}
            for name, each in rounds.items()
        },
        "saving": round(1 - median(ratios), 3),
        "peak_gflops": round(peak.flops / 1e9, 1),
        "peak_from": peak.source,
    }


def measure(bench: Bench) -> dict[str, Any]:
    """Return the figures everything is judged by, and behind them all the others."""
    frozen_or_not = frozen(bench, MAIN)
    rows = {"grouped": {MAIN.name: grouped_texts(bench, MAIN)}, "lines": {MAIN.name: line_by_line(bench, MAIN)}}
    if not bench.quick:
        rows["pairs"] = {MAIN.name: sentence_pairs(bench, MAIN)}
        for shape in OTHERS:
            rows["grouped"][f"{shape.name} length {shape.length}"] = grouped_texts(bench, shape)
    main, by_line = rows["grouped"][MAIN.name], rows["lines"][MAIN.name]
    precision = pick_precision("auto", bench.device)
    ratio, mfu = main["trainer_fp32"]["ours_against_peer"], frozen_or_not["N"]["mfu"]
    return {
        "vs_trainer_fp32": ratio,
        "vs_trainer_bf16": main["trainer_bf16"]["ours_against_peer"],
        "vs_trainer_lines": by_line["trainer_fp32"]["ours_against_peer"],
        "mfu": mfu,
        "frozen_saving": frozen_or_not["saving"],
        "vs_trainer_fp32_at_the_peak": round(ratio / mfu, 2),
        "our_precision": str(precision).removeprefix("torch."),
        "bf16_is_native": precision == torch.bfloat16,
        "kernels": status().path,
        "shape": f"{MAIN.name}, length {MAIN.length}, {bench.sequences} sequences, vocabulary {bench.vocab_size}",
        "dropout": "hidden 0.1 on both sides; attention 0.1 in the peer (its default), 0 in ours (our default)",
        "frozen": frozen_or_not,
        "rows": rows,
        **machine(bench.device),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--torch-only", action="store_true")
    parser.add_argument("--shards", type=Path)
    given = parser.parse_args()
    if given.torch_only:
        os.environ["MAMEBERT_KERNELS"] = "torch"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shards = given.shards or invent(folder / "tokens", VOCAB)
        lines = one_sentence_each(shards, folder / "lines")
        limit = 25 if given.quick else inf
        bench = Bench(folder, shards, lines, given.quick, pick_device("auto"), monotonic() + limit)
        result = measure(bench)
    if not (given.quick or given.torch_only):
        kept = Path(__file__).parent / "results" / "pretraining.json"
        kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
