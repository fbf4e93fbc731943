"""A probe at work: one question, several encoders."""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import torch

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import ModelFolder, model_folder, tokenizer_for
from mamebert.encoder.model import PretrainingNetwork
from mamebert.errors import UserError
from mamebert.files.names import file_name
from mamebert.labelled.rows import NO_MODEL
from mamebert.preflight.ahead import Ahead, Found, tried
from mamebert.preflight.looking import TABLES
from mamebert.probes import Asked, Needs
from mamebert.progress import say
from mamebert.results.probe import ProbedModel, ProbeResults
from mamebert.runs import Run
from mamebert.serving.load import load
from mamebert.stages.probe.settings import ProbeConfig
from mamebert.stages.probe.vector_tables import as_encoder, require_table
from mamebert.tasks.bag.starting import is_table
from mamebert.tokenizer.unknown import Unknown
from mamebert.training.devices import pick_device

HEAD = "cls.predictions."
RANDOM = ", random weights"
MADE_BY: Mapping[Needs, tuple[str, ...]] = {
    "words": ("pretrain", "compress"),
    "encoder": ("pretrain", "compress", "finetune"),
    "table": ("pretrain", "compress", "finetune", *TABLES),
    "answers": ("finetune", "compress"),
}
"""The commands whose models can be asked."""


class Probing:
    """The encoders and the results of one probe."""

    def __init__(self, config: ProbeConfig, run: Run) -> None:
        self.config, self.run = config, run

    def ask(self) -> None:
        """Put the question to every encoder, and keep what is found."""
        found = []
        for name, path in self.config.models.items():
            needs = self.config.probe.needs
            found.append(self._ask(name, path, open_asked(path, self.config.device, needs)))
            if self.config.random_weights:
                drawn = open_asked(path, self.config.device, needs, self.config.seed)
                found.append(self._ask(f"{name}{RANDOM}", path, drawn))
        self.run.results = ProbeResults(kind=self.config.probe.kind, models=found).written()

    def _ask(self, name: str, path: Path, asked: Asked) -> ProbedModel:
        started = monotonic()
        asked.tokenizer.unknown = Unknown()
        keep = self.run.folder / "scores" / file_name(name)
        keep.mkdir(parents=True, exist_ok=True)
        findings = self.config.probe.ask(asked, keep, self.config.seed)
        first, value = next(iter(findings.figures.items()))
        say(f"{name}: {first} {value:.4f}")
        return ProbedModel(
            name=name,
            path=str(path),
            figures=findings.figures,
            tables=findings.tables,
            examples=findings.examples,
            maps=findings.maps,
            unknown_rate=round(asked.tokenizer.unknown.rate, 6),
            seconds=round(monotonic() - started, 3),
        )


def open_asked(path: Path, device: str, needs: Needs = "words", drawn: int | None = None) -> Asked:
    """Return the encoder of a folder, or of the run that holds it; one without what is asked is a UserError.

    With `drawn` its weights are new ones, which that seed decides.
    """
    if needs == "table" and is_table(path):
        return as_encoder(path, drawn)
    place = model_folder(path)
    _require(place, needs)
    if needs == "answers" and ModelFolder.open(place).is_altered:
        network = _newly_drawn(place, 0)
        tokenizer = tokenizer_for(place, network.bert.embeddings.word_embeddings.num_embeddings)
        return Asked(network, tokenizer, load(place, "task", device), is_altered=True)
    may_lack = ("bert.pooler.", "cls.seq_relationship.") if needs == "words" else ("bert.pooler.", "cls.")
    network = load_pretraining(place, may_lack) if drawn is None else _newly_drawn(place, drawn)
    tokenizer = tokenizer_for(place, network.bert.embeddings.word_embeddings.num_embeddings)
    answers = load(place, "task", device) if needs == "answers" else None
    network = network.to(pick_device(device)).eval()
    if network.bert.device.type == "cpu":
        network.bert.make_ready()  # nothing is learnt, and the same is asked of the encoder many thousand times
    return Asked(network, tokenizer, answers)


def _newly_drawn(place: Path, seed: int) -> PretrainingNetwork:
    folder = ModelFolder.open(place)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PretrainingNetwork(folder.shape, folder.vocab_size)


def check_probe(config: ProbeConfig, ahead: Ahead) -> Found:
    """Yield what would be refused of a probe."""
    yield from tried(pick_device, config.device)
    yield from tried(config.probe.look)
    for path, commands, look in config.probe.folders():
        yield from ahead.made_by(path, commands, look, True)
    needs = config.probe.needs
    if not config.models:
        yield UserError(NO_MODEL)
    if needs == "answers" and config.random_weights:
        yield UserError("A fine-tuned model is asked, and random_weights gives encoders. Leave it out.")
    for path in config.models.values():
        yield from ahead.made_by(path, MADE_BY[needs], lambda each: _require_path(each, needs), True)


def _require_path(path: Path, needs: Needs) -> None:
    if needs == "table" and is_table(path):
        require_table(path)
    else:
        _require(model_folder(path), needs)


def _require(place: Path, needs: Needs) -> None:
    folder = ModelFolder.open(place)
    if folder.is_altered and needs != "answers":
        raise UserError(
            f"{place} was quantised or altered otherwise, and probes ask plain encoders. Give what it was made from."
        )
    if needs == "words" and not folder.has_weights(HEAD):
        raise UserError(f"{place} has no head for masked words, which a probe asks. Give the output of pretrain.")
