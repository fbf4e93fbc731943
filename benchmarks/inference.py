"""Answers of a small BERT on a CPU: ours beside what people use for it, on the same weights and the same texts.

    python benchmarks/inference.py              512 texts of L6-H384, lognormal lengths (median 39 tokens)
    python benchmarks/inference.py --quick      96 texts
    python benchmarks/inference.py --hidden 768 --layers 12 --heads 12

From texts to scores, tokenising included, by all of them: the `pipeline` of transformers one text at a time, 32 at a
time and sorted by length; ONNX Runtime in float32 and on the bytes of `mamebert export`; OpenVINO and CTranslate2 where
they are installed. Engines get texts sorted by length, each in the batches that it was fastest with. All answer the
same texts in turns, and ratios are medians over the turns of processor seconds, theirs by ours, since other work may be
on the machine. `vs_pipeline` and `vs_best_engine` are those of int8, `vs_float32_engine` is float32 beside float32,
`vs_bfloat16_engine` bfloat16 beside that, and
`latency_vs_onnx` is one text of 16 tokens on one thread. Weights are random: nothing is said of quality. Ends with one
JSON line.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from _clock import machine

import mamebert
from mamebert.compression.forms.onnx_session import WITHOUT_OVERFLOW, products_overflow
from mamebert.serving.exporting import export

Answering = Callable[[Sequence[str]], Any]
TEXTS, QUICK_TEXTS, TURNS, WORDS = 512, 96, 3, 4_000
BATCHES = (8, 32)
KINDS = ("int8", "bfloat16", "float32")
LATENCY_TURNS = 30


def model_folder(folder: Path, layers: int, hidden: int, heads: int) -> Path:
    """Write a classifier of random weights whose words are tokens."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(0)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(WORDS))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    shape = {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads}
    config = BertConfig(vocab_size=len(vocabulary), intermediate_size=4 * hidden, num_labels=3, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    told = json.loads((folder / "config.json").read_text())  # CTranslate2 asks for it
    (folder / "config.json").write_text(json.dumps({**told, "position_embedding_type": "absolute"}))
    return folder


def texts_of(count: int) -> list[str]:
    """Return texts of lognormal lengths: median 39 tokens, mean 51, 5 % above 130."""
    rng = np.random.default_rng(0)
    lengths = np.clip(np.exp(rng.normal(np.log(39), 0.73, count)), 3, 510).astype(int) - 2
    return [" ".join(f"w{n}" for n in rng.integers(0, WORDS, max(1, length))) for length in lengths]


def in_batches(tokenizer: Any, run: Callable[[dict[str, np.ndarray]], Any], size: int) -> Answering:
    """Return what sorts texts by length and runs padded batches of them."""

    def answer(texts: Sequence[str]) -> None:
        ordered = sorted(texts, key=len)
        for start in range(0, len(ordered), size):
            run(dict(tokenizer(ordered[start : start + size], padding=True, truncation=True, return_tensors="np")))

    return answer


def pipelines(folder: Path) -> dict[str, Answering]:
    """Return what people begin with."""
    from transformers import pipeline

    asked = pipeline("text-classification", model=str(folder), device="cpu")
    return {
        "pipeline": lambda texts: asked(list(texts), batch_size=1, truncation=True),
        "pipeline_32": lambda texts: asked(list(texts), batch_size=32, truncation=True),
        "pipeline_sorted": lambda texts: asked(sorted(texts, key=len), batch_size=8, truncation=True),
    }


def engines(folder: Path, threads: int) -> dict[str, Callable[[dict[str, np.ndarray]], Any]]:
    """Return what runs a batch, by name; those that are not installed are not there."""
    found = {
        "onnxruntime_float32": onnxruntime_engine(folder / "onnx" / "model.onnx", threads),
        "onnxruntime_int8": onnxruntime_engine(folder / "onnx" / "model_quantized.onnx", threads),
    }
    for name, opened in (("openvino", openvino_engines), ("ctranslate2", ctranslate2_engines)):
        if find_spec(name):
            try:
                found |= opened(folder, threads)
            except Exception as error:  # of whatever class: a peer that does not open the model is told and left out
                print(f"{name} is left out: {' '.join(str(error).split())[:200]}", file=sys.stderr)
    return found


def onnxruntime_engine(graph: Path, threads: int) -> Callable[[dict[str, np.ndarray]], Any]:
    """Return a session of ONNX Runtime as its users set it up."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if products_overflow():
        options.add_session_config_entry(*WITHOUT_OVERFLOW)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return lambda batch: session.run(None, {name: batch[name] for name in names})


def openvino_engines(folder: Path, threads: int) -> dict[str, Callable[[dict[str, np.ndarray]], Any]]:
    """Return OpenVINO on both graphs; float32 has to be asked for, where bfloat16 would be taken."""
    import openvino

    def opened(graph: str, kind: str = "f32") -> Callable[[dict[str, np.ndarray]], Any]:
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": kind}
        model = openvino.Core().compile_model(str(folder / "onnx" / graph), "CPU", settings)
        names = [each.get_any_name() for each in model.inputs]
        return lambda batch: model({name: batch[name] for name in names})

    found = {"openvino_float32": opened("model.onnx"), "openvino_int8": opened("model_quantized.onnx")}
    return found | {"openvino_bfloat16": opened("model.onnx", "bf16")}


def ctranslate2_engines(folder: Path, threads: int) -> dict[str, Callable[[dict[str, np.ndarray]], Any]]:
    """Return CTranslate2's encoder; its hidden states are what the small head would read."""
    import ctranslate2

    made: dict[str, Callable[[dict[str, np.ndarray]], Any]] = {}
    for kind in ("float32", "int8"):
        place = folder / f"ctranslate2-{kind}"
        ctranslate2.converters.TransformersConverter(str(folder)).convert(str(place), quantization=kind)
        encoder = ctranslate2.Encoder(str(place), device="cpu", intra_threads=threads, compute_type=kind)

        def run(batch: dict[str, np.ndarray], encoder: Any = encoder) -> Any:
            counts = batch["attention_mask"].sum(1)
            ids = [row[:count].tolist() for row, count in zip(batch["input_ids"], counts, strict=True)]
            return np.array(encoder.forward_batch(ids).last_hidden_state)

        made[f"ctranslate2_{kind}"] = run
    return made


def best_batches(tokenizer: Any, run: Callable[[dict[str, np.ndarray]], Any], texts: Sequence[str]) -> Answering:
    """Return the engine in the batches that take it the least processor time over a quarter of the texts."""
    candidates = [in_batches(tokenizer, run, size) for size in BATCHES]
    return min(candidates, key=lambda answer: min(seconds(answer, texts[: len(texts) // 4]) for _ in range(2)))


def seconds(answer: Answering, texts: Sequence[str]) -> float:
    """Return the processor seconds of answering."""
    began = process_time()
    answer(texts)
    return process_time() - began


def in_turns(answering: dict[str, Answering], texts: Sequence[str], turns: int) -> dict[str, list[float]]:
    """Return the seconds of each, turn by turn."""
    for answer in answering.values():
        answer(texts[:16])
    found: dict[str, list[float]] = {name: [] for name in answering}
    for _ in range(turns):
        for name, answer in answering.items():
            found[name].append(seconds(answer, texts))
    return found


def ratio(found: dict[str, list[float]], theirs: str, ours: str) -> float:
    """Return theirs by ours, the median over the turns."""
    return median(a / b for a, b in zip(found[theirs], found[ours], strict=True))


def best_engine(found: dict[str, list[float]], names: Sequence[str], kind: str) -> tuple[float | None, str]:
    """Return theirs by ours for the fastest of the engines, and its name; None where none answers in that type."""
    theirs, name = min(((ratio(found, name, f"ours_{kind}"), name) for name in names), default=(None, ""))
    return (None if theirs is None else round(theirs, 2)), name


def main() -> None:
    """Measure, and print what was found."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--quick", action="store_true")
    reader.add_argument("--layers", type=int, default=6)
    reader.add_argument("--hidden", type=int, default=384)
    reader.add_argument("--heads", type=int, default=12)
    reader.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    asked = reader.parse_args()
    torch.set_num_threads(asked.threads)
    texts = texts_of(QUICK_TEXTS if asked.quick else TEXTS)
    began = perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(Path(scratch), asked.layers, asked.hidden, asked.heads)
        export(folder)
        row = measured(folder, texts, asked.threads)
    shape = f"L{asked.layers}-H{asked.hidden}"
    about = {"benchmark": "inference", "shape": shape, "texts": len(texts), **row, **machine(torch.device("cpu"))}
    print(json.dumps({**about, "seconds": round(perf_counter() - began, 1)}))


def measured(folder: Path, texts: Sequence[str], threads: int) -> dict[str, Any]:
    """Return rates and ratios."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ours = {f"ours_{kind}": mamebert.load(folder, precision=kind) for kind in KINDS}
    theirs = {name: best_batches(tokenizer, run, texts) for name, run in engines(folder, threads).items()}
    answering: dict[str, Answering] = {**ours, **theirs, **pipelines(folder)}
    found = in_turns(answering, texts, TURNS)
    engine = {kind: best_engine(found, [name for name in theirs if name.endswith(kind)], kind) for kind in KINDS}
    torch.set_num_threads(1)
    one = " ".join(f"w{n}" for n in range(14))
    alone = onnxruntime_engine(folder / "onnx" / "model_quantized.onnx", 1)
    single = {"ours_int8": ours["ours_int8"], "onnxruntime_int8": in_batches(tokenizer, alone, 1)}
    latency = in_turns(single, [one], LATENCY_TURNS)
    return {
        "vs_pipeline": round(ratio(found, "pipeline", "ours_int8"), 2),
        "vs_pipeline_32": round(ratio(found, "pipeline_32", "ours_int8"), 2),
        "vs_pipeline_sorted": round(ratio(found, "pipeline_sorted", "ours_int8"), 2),
        "vs_best_engine": engine["int8"][0],
        "best_engine": engine["int8"][1],
        "vs_float32_engine": engine["float32"][0],
        "best_float32_engine": engine["float32"][1],
        "vs_bfloat16_engine": engine["bfloat16"][0],
        "latency_vs_onnx": round(ratio(latency, "onnxruntime_int8", "ours_int8"), 2),
        "texts_per_second": {name: round(len(texts) * threads / median(each), 1) for name, each in found.items()},
        "latency_ms": {name: round(1000 * median(each), 2) for name, each in latency.items()},
        "turns": TURNS,
    }


if __name__ == "__main__":
    main()
