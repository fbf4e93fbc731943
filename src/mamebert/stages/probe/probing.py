"""A probe at work: one question, several encoders."""

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
from mamebert.probes import Asked
from mamebert.progress import say
from mamebert.results.probe import ProbedModel, ProbeResults
from mamebert.runs import Run
from mamebert.stages.probe.settings import ProbeConfig
from mamebert.tokenizer.unknown import Unknown
from mamebert.training.devices import pick_device

HEAD = "cls.predictions."
RANDOM = ", random weights"


class Probing:
    """The encoders and the results of one probe."""

    def __init__(self, config: ProbeConfig, run: Run) -> None:
        self.config, self.run = config, run

    def ask(self) -> None:
        """Put the question to every encoder, and keep what is found."""
        found = []
        for name, path in self.config.models.items():
            found.append(self._ask(name, path, open_asked(path, self.config.device)))
            if self.config.random_weights:
                drawn = open_asked(path, self.config.device, self.config.seed)
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
            unknown_rate=round(asked.tokenizer.unknown.rate, 6),
            seconds=round(monotonic() - started, 3),
        )


def open_asked(path: Path, device: str, drawn: int | None = None) -> Asked:
    """Return the encoder of a folder, or of the run that holds it; one without a head for words is a UserError.

    With `drawn` its weights are new ones, which that seed decides.
    """
    place = model_folder(path)
    _require_words(place)
    network = load_pretraining(place) if drawn is None else _newly_drawn(place, drawn)
    tokenizer = tokenizer_for(place, network.bert.embeddings.word_embeddings.num_embeddings)
    return Asked(network.to(pick_device(device)), tokenizer)


def _newly_drawn(place: Path, seed: int) -> PretrainingNetwork:
    folder = ModelFolder.open(place)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PretrainingNetwork(folder.shape, folder.vocab_size)


def check_probe(config: ProbeConfig, ahead: Ahead) -> Found:
    """Yield what would be refused of a probe."""
    yield from tried(pick_device, config.device)
    yield from tried(config.probe.look)
    if not config.models:
        yield UserError(NO_MODEL)
    for path in config.models.values():
        yield from ahead.made_by(path, ("pretrain", "compress"), lambda each: _require_words(model_folder(each)), True)


def _require_words(place: Path) -> None:
    if not ModelFolder.open(place).has_weights(HEAD):
        raise UserError(f"{place} has no head for masked words, which a probe asks. Give the output of pretrain.")
