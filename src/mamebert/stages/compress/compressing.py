"""A compression at work: one model, one chain of methods, several seeds."""

import json
import shutil
from copy import deepcopy
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from mamebert.compression.contract import Form, Subject
from mamebert.compression.cost.measure_forms import measure
from mamebert.compression.forms.saving import opens_with
from mamebert.compression.goals import TaskGoal
from mamebert.compression.opening import open_subject
from mamebert.encoder.fixed_embeddings import count_parameters
from mamebert.errors import UserError
from mamebert.evaluation.metrics.spread import mean_and_spread
from mamebert.files.checksums import seal
from mamebert.files.disk import put_in_place, write_text
from mamebert.files.json_files import read_own
from mamebert.files.names import file_name
from mamebert.labelled.comparing import comparisons
from mamebert.progress import say
from mamebert.reports.card.model_card import model_card
from mamebert.results.compress import CompressionSeed, FormResult, Paper, SmallerModel, Step, Teacher
from mamebert.results.labelled import Spread
from mamebert.results.pretrain import Verified
from mamebert.runs import Run
from mamebert.stages.compress.judging import Judge, RowsJudge, Scores, TextJudge
from mamebert.stages.compress.settings import CompressConfig
from mamebert.training.devices import pick_device
from mamebert.training.loop import derive_seed

WEIGHTS = (".safetensors", ".onnx", ".data")
SEED_KEYS = ("seed", "scores", "valid", "notes", "seconds")


def _refuse_decoders(subject: Subject) -> None:
    shape = getattr(getattr(subject.network, "bert", None), "config", None)
    if shape is not None and shape.is_decoder:
        raise UserError(
            f"{subject.folder} reads from left to right (is_decoder), which no method of compression was made for. "
            "Give an encoder that reads both ways."
        )


class Compressing:
    """The model, what it is judged by, and what came out so far."""

    def __init__(self, config: CompressConfig, run: Run) -> None:
        self.config, self.run, self.device = config, run, pick_device(config.device)
        self.teacher = open_subject(config.model, config.objective)
        _refuse_decoders(self.teacher)
        self.teacher.network.to(self.device).eval().requires_grad_(False)
        self.is_task = isinstance(self.teacher.goal, TaskGoal)
        refuse_methods(config, self.is_task)
        self.judge: Judge = (RowsJudge if self.is_task else TextJudge)(config, self.teacher, self.device)
        config.method[0].check(self.teacher, self.judge.bench(0, run.folder / "scratch"))
        (run.folder / "seeds").mkdir(exist_ok=True)
        self.whole = Form("plain", ".", opens_with(self.teacher.folder))

    @property
    def seeds(self) -> list[int]:
        """The seeds; one where nothing is random."""
        seeds = self.config.seeds or ([1, 2, 3] if self.is_task else [1])
        return seeds if any(method.is_random for method in self.config.method) else seeds[:1]

    def tell(self) -> None:
        """Write down what is done to what, and how good it is before."""
        self.before = self.judge.judge(self.teacher.folder, self.whole)
        self.results = self.judge.about()
        self.results.measure = next(iter(self.before.scores))
        self.results.chain = [
            Step(kind=m.kind, settings=m.model_dump(mode="json", exclude={"kind"}), paper=Paper(**m.paper._asdict()))
            for m in self.config.method
        ]
        self.told_teacher = Teacher(
            name=self._teacher_name(),
            path=str(self.teacher.folder),
            scores=self.before.scores,
            parameters=_num_parameters(self.teacher),
            forms=[_form(self.teacher.folder, self.whole)],
        )
        self.results.models, self.results.comparisons = [], []
        say(f"{self._teacher_name()}: {_listed(self.before)}")

    def compress(self, seed: int) -> None:
        """Do all methods, one after the other, and keep what came out; what is there already is not done again."""
        if self._result(seed).is_file():
            return
        started, folder = monotonic(), self._place(seed)
        torch.manual_seed(derive_seed(seed, "compress"))
        subject, teacher, notes, valid = deepcopy(self.teacher), self.teacher, [], 0.0
        subject.network.requires_grad_(True)
        for number, method in enumerate(self.config.method):
            say(f"{self.config.title} seed {seed}: {method.kind}")
            scratch = self.run.folder / "scratch" / f"{seed}-{number}"
            scratch.mkdir(parents=True, exist_ok=True)
            bench = self.judge.bench(derive_seed(seed, "method", number), scratch)
            bench.title = f"{self.config.title} seed {seed}"
            bench.teacher, bench.shown_to = teacher, subject
            method.check(subject, bench)
            subject.notes = {}
            subject = method.compress(subject, bench)
            subject.network.eval()
            teacher = bench.teacher
            notes.append(subject.notes)
            valid = bench.score(subject)
        shutil.rmtree(folder, ignore_errors=True)
        forms = self.config.method[-1].save(subject, folder)
        seal(folder)  # graphs are written behind all else
        judged = self.judge.judge(folder, forms[0])
        say(f"{self.config.title} seed {seed}: {_listed(judged)}")
        found = {
            "seed": seed,
            "scores": judged.scores,
            "valid": valid,
            "notes": notes,
            "seconds": round(monotonic() - started, 3),
            "parameters": _num_parameters(subject),
            "forms": [form._asdict() for form in forms],
        }
        write_text(self._result(seed), json.dumps(found))

    def save(self) -> None:
        """Keep the best seed's model, proved to open where its forms say; drop the others' weights."""
        found, folder = self._results(), self.run.folder / "model"
        best = max(found, key=lambda each: float(each["valid"]))
        if not folder.exists():
            put_in_place(self._place(best["seed"]), folder)
        self.forms = [Form(**form) for form in best["forms"]]
        plain = [folder / form.place for form in self.forms if form.name == "plain"]
        differences = self.judge.verify(plain) if plain else {}
        self.results.verified = Verified(largest_difference=max(differences.values(), default=None), folders=len(plain))
        self.told_model = self._told(found, best, self._forms_told(folder, differences))
        for each in (self.run.folder / "seeds").glob("*/"):
            shutil.rmtree(each)
        shutil.rmtree(self.run.folder / "scratch", ignore_errors=True)

    def compare(self) -> None:
        """Tell the result and the teacher apart on the same rows."""
        name = self._teacher_name()
        if self.after.measure and self.before.measure:
            measured = {self.config.title: self.after.measure, name: self.before.measure}
            self.results.comparisons.extend(comparisons(measured, self.config.seed))

    def measure(self) -> None:
        """Time every form of the result, and the teacher, in turn."""
        if not self.config.measure_seconds:
            return
        model, teacher = self.told_model, self.told_teacher
        places = [(self.run.folder / "model", form) for form in self.forms] + [(self.teacher.folder, self.whole)]
        costs = iter(measure(places, self.judge.samples(), self.config.measure_seconds))
        for each in (model, teacher):
            each.forms = [form.with_cost(next(costs)) for form in each.forms]
            each.flops = each.forms[0].flops

    def describe(self) -> None:
        """Write down the results, and the model card of every folder."""
        self.results.teacher, self.results.models = self.told_teacher, [self.told_model]
        self.run.results = self.results.written()
        folder = self.run.folder / "model"
        for place in {".", *(form.place for form in self.forms if (folder / form.place).is_dir())}:
            write_text(folder / place / "README.md", model_card(self.run, folder / place, "compress"))

    def _forms_told(self, folder: Path, differences: dict[str, float]) -> list[FormResult]:
        told = []
        for number, form in enumerate(self.forms):
            judged = self.judge.judge(folder, form)
            if not number:
                self.after = judged
                self.judge.keep_answers(judged, self.run.folder / "answers" / f"{file_name(self.config.title)}.jsonl")
            difference = _apart(judged, self.after) if number else None
            if difference is None and form.name == "plain":
                difference = differences.get(str(folder / form.place))
            line = _form(folder, form)
            line.scores, line.largest_difference = dict(judged.scores), difference
            told.append(line)
        return told

    def _told(self, found: list[dict[str, Any]], best: dict[str, Any], forms: list[FormResult]) -> SmallerModel:
        spreads = {name: mean_and_spread([each["scores"][name] for each in found]) for name in best["scores"]}
        measure_name = self.results.measure
        before = self.before.scores[measure_name]
        return SmallerModel(
            name=self.config.title,
            scores={name: Spread(mean=each.mean, spread=each.deviation) for name, each in spreads.items()},
            tests={},
            seeds=[CompressionSeed(**{key: each[key] for key in SEED_KEYS}) for each in found],
            best_seed=best["seed"],
            parameters=best["parameters"],
            # of a correlation below 0 there is no share to keep
            kept=spreads[measure_name].mean / before if before > 0 and self.is_task else None,
            forms=forms,
        )

    def _teacher_name(self) -> str:
        path = self.config.model
        run = Run.around(path)
        found = run.final.name if run else path.name
        return f"{found} (before)" if found == self.config.title else found

    def _place(self, seed: int) -> Path:
        return self.run.folder / "seeds" / str(seed)

    def _result(self, seed: int) -> Path:
        return self.run.folder / "seeds" / f"{seed}.json"

    def _results(self) -> list[dict[str, Any]]:
        return [read_own(self._result(seed)) for seed in self.seeds]


def refuse_methods(config: CompressConfig, is_task: bool) -> None:
    """Raise UserError for a method that is not for fine-tuned models, or not for pretrained ones."""
    for method in config.method:
        if ("task" if is_task else "encoder") not in method.works_on:
            held, wanted = ("fine-tuned model", "pretrain") if is_task else ("pretrained encoder", "finetune")
            raise UserError(
                f"{config.model} holds a {held}, which {method.kind} does not work on. Give the output of {wanted}."
            )


def _num_parameters(subject: Subject) -> int:
    return count_parameters(subject.network)["total"]


def _form(folder: Path, form: Form) -> FormResult:
    """Return what there is to tell of a form without running it; bytes are those of weights and graph."""
    place = folder / form.place
    files = place.iterdir() if place.is_dir() else place.parent.glob(f"{place.stem}*")
    num_bytes = sum(path.stat().st_size for path in files if path.suffix in WEIGHTS)
    return FormResult(name=form.name, place=form.place, opens_with=form.opens_with, bytes=num_bytes)


def _apart(one: Scores, other: Scores) -> float | None:
    """Return the largest difference of what two forms gave, where rows were asked."""
    if not one.raws or not other.raws:
        return None
    return max(float(np.abs(a - b).max()) for a, b in zip(one.raws, other.raws, strict=True) if a.size)


def _listed(judged: Scores) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in judged.scores.items())
