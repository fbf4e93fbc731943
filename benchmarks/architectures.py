"""Speed of every family: `mamebert pretrain` and the same class of `transformers` under its Trainer, in turn.

    python benchmarks/architectures.py                        all families, some ten minutes of a core
    python benchmarks/architectures.py modernbert electra     some of them
    python benchmarks/architectures.py --shape 128 2 64       width, layers and length (256 4 128 by default)

Both sides have one shape, one batch of full sequences and the same dropout, in one process; the peer computes in
float32, the default of its Trainer, and in bfloat16 (autocast) where the processor multiplies that. Rates are real
tokens a second of the processor's own time; a ratio is the median over rounds in which each side took some steps. Ends
with one JSON line.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
import transformers
from _clock import machine
from _ours import Ours, Shape
from _text import invent, one_sentence_each
from _trainer import grouped, sequences
from pretraining import VOCAB, Bench, train
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoConfig, PreTrainedModel

from mamebert.checkpoints.layouts import layout_for
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels import status
from mamebert.objectives.replaced_token_detection import ReplacedTokenDetection
from mamebert.training.devices import pick_device, pick_precision

FAMILIES: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "bert": {},
        "roberta": {"preset": "roberta"},
        "albert": {"preset": "albert"},
        "distilbert": {"type_vocab_size": 0},
        "electra": {"embedding_size": 128, "pooler_act": "gelu"},
        "electra_pair": {"embedding_size": 128, "pooler_act": "gelu"},
        "mobilebert": {"preset": "mobilebert"},
        "modernbert": {"preset": "modernbert"},
    }
)
"""Settings of our encoder. electra is its class for masked words; electra_pair a generator and a discriminator."""


class Electra(nn.Module):
    """ELECTRA as it is trained (Clark et al., 2020), of plain classes: `transformers` has none for both together."""

    def __init__(self, discriminator: PreTrainedModel, generator: PreTrainedModel) -> None:
        super().__init__()
        self.discriminator, self.generator = discriminator, generator
        generator.electra.embeddings = discriminator.electra.embeddings
        generator.generator_lm_head.weight = discriminator.electra.embeddings.word_embeddings.weight

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor, labels: Tensor) -> Any:
        """Return the loss: masked words by the generator, and fifty times which tokens it has replaced."""
        guessed = self.generator(input_ids, attention_mask, token_type_ids, labels=labels)
        asked = labels != -100
        drawn = torch.distributions.Categorical(logits=guessed.logits[asked].detach()).sample()
        shown = input_ids.masked_scatter(asked, drawn)
        replaced = asked & (shown != labels)
        told = self.discriminator(shown, attention_mask, token_type_ids).logits
        real = attention_mask.bool()
        loss = binary_cross_entropy_with_logits(told[real], replaced[real].float())
        return {"loss": guessed.loss + 50 * loss}


def plain(shape: EncoderConfig, vocab_size: int, wanted: str = "BertForMaskedLM") -> PreTrainedModel:
    """Return a new network of the plain class for a shape; ModernBERT's head reads the asked places alone."""
    layout = layout_for(shape)
    assert layout
    more = {"sparse_prediction": True} if layout.kind == "modernbert" else {}
    config = AutoConfig.for_model(layout.kind, vocab_size=vocab_size, **layout.write(shape), **more)
    for name, number in (("bos_token_id", 2), ("eos_token_id", 3)):
        setattr(config, name, number)
    return getattr(transformers, layout.architecture(wanted))(config)


def electra(shape: EncoderConfig, vocab_size: int) -> Electra:
    """Return discriminator and generator as ours has them."""
    generator = ReplacedTokenDetection().generator.shape(shape)
    discriminator = plain(shape, vocab_size, "BertDiscriminator")
    return Electra(discriminator, plain(generator, vocab_size))


def measure(bench: Bench, shape: Shape, family: str) -> dict[str, Any]:
    """Return rates and ratios of one family."""
    is_pair = family == "electra_pair"
    objective = "replaced_token_detection" if is_pair else "masked_lm"
    ours = bench.ours(shape, objective=objective, encoder=FAMILIES[family])
    settings = ours.work.config.encoder
    rows = grouped(sequences(Ours(shape, bench.lines, bench.sequences * shape.length).work), shape.length)
    make: Callable[..., Any] = electra if is_pair else plain
    peers: dict[str, dict[str, Any]] = {"trainer_fp32": {}, "trainer_bf16": {"bf16": True}}
    if pick_precision("auto", bench.device) != torch.bfloat16:
        del peers["trainer_bf16"]
    return {
        name: bench.against(train(bench, make(settings, bench.vocab_size), rows, **more), {"ours": ours})
        for name, more in peers.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", choices=[[], *FAMILIES], default=[])
    parser.add_argument("--shape", nargs=3, type=int, default=(256, 4, 128), metavar=("WIDTH", "LAYERS", "LENGTH"))
    parser.add_argument("--vocab", type=int, default=VOCAB)
    given = parser.parse_args()
    shape, device = Shape(*given.shape), pick_device("auto")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shards = invent(folder / "tokens", given.vocab)
        bench = Bench(folder, shards, one_sentence_each(shards, folder / "lines"), False, device, inf)
        found = {family: measure(bench, shape, family) for family in given.families or FAMILIES}
    ratios = {
        family: {name: each["ours_against_peer"] for name, each in peers.items()} for family, peers in found.items()
    }
    told = {"shape": f"{shape.name}, length {shape.length}, vocabulary {given.vocab}", "kernels": status().path}
    print(json.dumps({"ratios": ratios, **told, "families": found, **machine(device)}))


if __name__ == "__main__":
    main()
