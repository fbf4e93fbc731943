"""A fine-tuning at work: one set of labelled rows, several encoders, several seeds."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import torch

from mamebert.checkpoints.layouts import encoder_config
from mamebert.checkpoints.load import model_folder, read_config
from mamebert.checkpoints.verify import verify
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.evaluation.measures import Measure, compare_measures
from mamebert.evaluation.spread import mean_and_spread
from mamebert.progress import say
from mamebert.reports.model_card import model_card
from mamebert.runs import Run, hash_file, sources_behind, write_text
from mamebert.stages._fitting import Fitted, Fitting, Part, answer
from mamebert.stages._hidden_states import HiddenStates, keep_hidden_states
from mamebert.stages._labelled import PARTS, read_labelled
from mamebert.stages._search import best_of, check_search, search, told, trial_file, with_settings
from mamebert.tasks import Answer, Peer
from mamebert.tasks._network import TaskNetwork, plain_logits, save_network, start_network
from mamebert.tasks._vectors_baseline import mean_vectors
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.groups import Learning, plan_learning
from mamebert.training.loop import derive_seed
from mamebert.training.trouble import Diverged

if TYPE_CHECKING:
    from mamebert.stages.finetune import FinetuneConfig


@dataclass(frozen=True)
class Candidate:
    """One encoder to fine-tune."""

    name: str
    path: Path
    """The Hugging Face folder."""
    epoch: float | None
    """Pretraining epochs it had seen when it was kept; None for a finished encoder."""
    seeds: list[int]
    random_weights: bool = False
    """Whether only its shape and its tokenizer are used."""

    @property
    def title(self) -> str:
        """Name in logs and file names."""
        return self.name if self.epoch is None else f"{self.name}-epoch-{self.epoch:g}"


class Finetuning:
    """Rows, parts and results of one fine-tuning."""

    def __init__(self, config: "FinetuneConfig", run: Run) -> None:
        self.config, self.run, self.task = config, run, config.task
        self.labelled = read_labelled(config)
        self.learnt = self.task.learn(self.labelled.parts.train)
        self.device = pick_device(config.training.device)
        self.shown: dict[str, dict[str, Part]] = {}
        self.states: dict[tuple[Any, ...], dict[str, HiddenStates]] = {}
        self._refuse_what_would_fail_later()
        (run.folder / "seeds").mkdir(exist_ok=True)
        run.keep_metrics([line for line in run.metrics() if self._is_finished(line)])
        run.results |= {"models": [], "baselines": [], "comparisons": []}
        if config.search.how != "none":
            run.results["search"] = []

    def tell_rows(self) -> None:
        """Write down how many rows every part has, and what could not be used."""
        parts = dict(zip(PARTS, self.labelled.parts, strict=True))
        everything = {**parts, **self.labelled.tests}
        unseen = {name: found for name, part in everything.items() if (found := self.task.unseen(part, self.learnt))}
        self.run.results |= {
            "task": self.task.kind,
            "labels": list(self.learnt.labels),
            "columns": self.task.columns(),
            "split": {name: self.task.describe(part) for name, part in parts.items()},
            "rows": {name: len(part) for name, part in everything.items()},
            "unusable_rows": {name: reasons for name, reasons in self.labelled.unusable.items() if reasons},
            "unseen": unseen,
        }
        for name, reasons in unseen.items():
            told = ", ".join(f"{count} with {reason}" for reason, count in reasons.items())
            say(f"Rows in {name} that no model here can get right: {told}.")
        told = ", ".join(f"{len(part)} {name}" for name, part in everything.items())
        say(f"finetune: {told} rows" + (f", {len(self.learnt.labels)} labels" if self.learnt.labels else ""))

    def ask_baselines(self) -> None:
        """Let the simplest peers answer the same rows."""
        self.peers: dict[str, list[Answer]] = {}
        for found in self.task.baselines(self.labelled.parts, self.config.baselines, self.config.seed):
            self._add_baseline(found)
        if self.config.vectors is not None:
            folder = next(self.candidates()).path
            found = mean_vectors(self.task, self.labelled.parts, self.config.vectors, folder, self.config.seed)
            self._add_baseline(found, self._has_seen_these_texts(self.config.vectors))

    def candidates(self) -> Iterator[Candidate]:
        """Yield every encoder, and where asked the models kept on its way before it and its shape after it."""
        for name, path in self.config.models.items():
            has_record = self.config.epoch_seeds and (path / "run.json").is_file()
            for place in Run.open(path).results.get("kept", []) if has_record else []:
                yield Candidate(name, path / place["folder"], place["epoch"], self.config.epoch_seeds)
            yield Candidate(name, model_folder(path), None, self.config.seeds)
            if self.config.random_weights:
                yield Candidate(f"{name}-random", model_folder(path), None, self.config.seeds, random_weights=True)

    def train_all_seeds(self, model: Candidate) -> None:
        """Fine-tune one encoder with each of its seeds and add the summary to the results."""
        config = self._searched(model)
        found = [self._done_before(model, seed) or self._train(model, seed, config) for seed in model.seeds]
        features = self._shown(model)["train"].features
        self.run.results["models"].append(
            {
                "name": model.name,
                "path": str(model.path),
                "epoch": model.epoch,
                "random_weights": model.random_weights,
                "seen_test_text": not model.random_weights and self._has_seen_these_texts(model.path),
                "truncated_share": sum(each.num_cut > 0 for each in features) / len(features),
                "parameters": found[0]["parameters"],
                "seeds": [{k: v for k, v in each.items() if k not in ("answers", "parameters")} for each in found],
                "best_seed": self._best(model)["seed"],
                "scores": _summary([each["scores"] for each in found]),
                "tests": {name: _summary([each["tests"][name] for each in found]) for name in self.labelled.tests},
            }
        )
        self.run.results["measure"] = next(iter(found[0]["scores"]))

    def compare(self) -> None:
        """Test every pair of models and baselines on the same rows, each model with its best validated seed."""
        test = self.labelled.parts.test
        answers = {m.name: self._best(m)["answers"] for m in self.candidates() if m.epoch is None}
        measured = {name: self.task.measures(test, found)[0] for name, found in {**answers, **self.peers}.items()}
        names = list(measured)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                found = compare_measures(measured[b], measured[a], seed=self.config.seed)  # a minus b
                line = {"a": a, "b": b, "difference": found.difference, "interval": list(found.interval)}
                self.run.results["comparisons"].append({**line, "p": found.p_value})

    def save(self) -> None:
        """Keep the best model of every encoder, proved to open in plain transformers; drop the other seeds' weights."""
        kept = []
        for model in self.candidates():
            if model.epoch is None:
                self._keep_answers(model)
                target = self.run.folder / "models" / model.name
                target.parent.mkdir(exist_ok=True)
                if not target.exists():
                    os.replace(self._place(model, self._best(model)["seed"]), target)
                kept.append(target)
        self.run.results["verified"] = {
            "largest_difference": max(verify(kept, plain_logits).values()),
            "folders": len(kept),
        }
        for folder in kept:
            write_text(folder / "README.md", model_card(self.run, folder, "finetune"))
        for folder in (self.run.folder / "seeds").glob("*/"):
            shutil.rmtree(folder)

    def _searched(self, model: Candidate) -> "FinetuneConfig":
        """Return the settings with which all seeds of a model are trained: those its trials found best."""
        if self.config.search.how == "none":
            return self.config
        trials = search(self.config, model.title, self.run.folder / "search", partial(self._try, model))
        best = best_of(trials)
        say(f"{model.title}: all seeds are trained with {told(best)}")
        self.run.results["search"].append({"model": model.title, "best": best, "trials": trials})
        return with_settings(self.config, best)

    def _try(self, model: Candidate, config: "FinetuneConfig", number: int) -> dict[str, Any]:
        """Return how well settings validate, with the first seed; no test row is looked at."""
        seed, title = model.seeds[0], f"search {model.title} trial {number + 1}"
        try:
            _, fitted, _ = self._fit(model, seed, config, title, trial=number)
        except Diverged as trouble:
            return {"valid": None, "seed": seed, "trouble": str(trouble)}
        return {
            "valid": max(fitted.valid_by_epoch),
            "seed": seed,
            "best_epoch": fitted.best_epoch,
            "seconds": round(fitted.seconds, 3),
        }

    def _fit(
        self, model: Candidate, seed: int, config: "FinetuneConfig", title: str, **about: int
    ) -> tuple[TaskNetwork, Fitted, dict[str, HiddenStates]]:
        """Train one network; also return the hidden states that its encoder, if it does not learn, gives."""
        parts = self._shown(model)
        network = self._start(model, seed, config)
        started = monotonic()
        states = self._states_of(model, seed, config, network)
        gathering_seconds = monotonic() - started
        record = partial(self.run.record, model=model.title, seed=seed, **about)
        fitting = Fitting(config, network, parts["train"], parts["valid"], self.learnt, record, states)
        fitted = fitting.run(title, seed)
        fitted.seconds += gathering_seconds
        return network, fitted, states

    def _train(self, model: Candidate, seed: int, config: "FinetuneConfig") -> dict[str, Any]:
        network, fitted, states = self._fit(model, seed, config, f"finetune {model.title} seed {seed}")
        parts = self._shown(model)
        answers = {
            name: answer(self.task, network, parts[name], fitted.learnt, states.get(name))
            for name in self.labelled.all_tests()
        }
        scores = {name: _scores(self.task.measures(parts[name].examples, found)) for name, found in answers.items()}
        result: dict[str, Any] = {
            "seed": seed,
            "scores": scores.pop("test"),
            "tests": scores,
            "best_epoch": fitted.best_epoch,
            "valid_by_epoch": fitted.valid_by_epoch,
            "seconds": round(fitted.seconds, 3),
            "parameters": fitted.parameters,
            "answers": answers["test"],
        }
        measure, value = next(iter(result["scores"].items()))
        say(f"{model.title} seed {seed}: test {measure} {value:.4f}, best epoch {fitted.best_epoch}")
        if model.epoch is None:
            save_network(network, self.task, fitted.learnt, config.reading, model.path, self._place(model, seed))
        write_text(self._answers(model, seed), json.dumps(result))
        return result

    def _start(self, model: Candidate, seed: int, config: "FinetuneConfig") -> TaskNetwork:
        torch.manual_seed(derive_seed(seed, "head"))
        network = start_network(
            self.task, model.path, self.learnt, config.reading, config.dropout, model.random_weights
        ).to(self.device)
        network.bert.compute_dtype = pick_precision(config.training.precision, self.device)
        return network

    def _states_of(
        self, model: Candidate, seed: int, config: "FinetuneConfig", network: TaskNetwork
    ) -> dict[str, HiddenStates]:
        """Return the hidden states of all parts if the encoder never learns; seeds and trials share them."""
        if plan_learning(network, config.learning, config.training.peak_lr).encoder_learns:
            return {}
        random = seed if model.random_weights else None
        key = (model.title, random, str(config.reading), config.training.precision, config.learning.cache_bytes)
        if key not in self.states:
            self.states = {}  # frees the memory first
            self.states = {key: keep_hidden_states(network, self._shown(model), config.learning.cache_bytes)}
        return self.states[key]

    def _shown(self, model: Candidate) -> dict[str, Part]:
        """Return every part as this encoder reads it; encoders of one vocabulary share it."""
        key = hash_file(model.path / "vocab.txt") if (model.path / "vocab.txt").is_file() else str(model.path)
        if key not in self.shown:
            tokenizer, learnt = Tokenizer.open(model.path), self.learnt
            examples = {**dict(zip(PARTS, self.labelled.parts, strict=True)), **self.labelled.tests}
            self.shown = {
                key: {name: Part(each, self.task.features(tokenizer, each, learnt)) for name, each in examples.items()}
            }
        return self.shown[key]

    def _refuse_what_would_fail_later(self) -> None:
        for model in self.candidates():
            room = int(read_config(model.path)["max_position_embeddings"])
            if self.task.max_length > room:
                raise UserError(
                    f"task.max_length {self.task.max_length} is longer than {model.name} reads ({room}). "
                    f"Lower it to {room}."
                )
            self._refuse_what_no_network_has(model)

    def _refuse_what_no_network_has(self, model: Candidate) -> None:
        """Look for layers and groups of parameters in a network of the model's shape."""
        asked = {str((c.reading, c.learning)): c for c in check_search(self.config)}
        for config in asked.values():
            if (config.reading, config.learning) != (Reading(), Learning()):
                shape = read_config(model.path)
                network = TaskNetwork(
                    self.task,
                    encoder_config(shape, str(model.path)),
                    int(shape["vocab_size"]),
                    self.learnt,
                    config.reading,
                )
                plan_learning(network, config.learning, config.training.peak_lr)

    def _has_seen_these_texts(self, path: Path) -> bool:
        behind = {source["sha256"] for source in sources_behind(path)}
        return bool(behind & {source.sha256 for source in self.config.fingerprint()})

    def _add_baseline(self, found: Peer, seen: bool = False) -> None:
        scores = _scores(self.task.measures(self.labelled.parts.test, found.answers))
        measure, value = next(iter(scores.items()))
        say(f"{found.name}: test {measure} {value:.4f}")
        self.peers[found.name] = found.answers
        line = {"name": found.name, "scores": scores, "seconds": found.seconds, "chosen": found.chosen}
        if found.knows_answers:
            line["knows_answers"] = True
        self.run.results["baselines"].append({**line, "seen_test_text": seen})

    def _keep_answers(self, model: Candidate) -> None:
        """Write what the best seed answered to each test row, by the row's number in its source."""
        lines = [
            json.dumps({"row": example.row, **found, "gold": example.gold}, ensure_ascii=False)
            for example, found in zip(self.labelled.parts.test, self._best(model)["answers"], strict=True)
        ]
        (self.run.folder / "answers").mkdir(exist_ok=True)
        write_text(self.run.folder / "answers" / f"{model.name}.jsonl", "\n".join(lines) + "\n")

    def _is_finished(self, line: dict[str, Any]) -> bool:
        if "trial" in line:
            return trial_file(self.run.folder / "search", line["model"], line["trial"]).is_file()
        return (self.run.folder / "seeds" / _file(line)).is_file()

    def _place(self, model: Candidate, seed: int) -> Path:
        return self.run.folder / "seeds" / f"{model.title}-seed-{seed}"

    def _answers(self, model: Candidate, seed: int) -> Path:
        return self.run.folder / "seeds" / _file({"model": model.title, "seed": seed})

    def _done_before(self, model: Candidate, seed: int) -> dict[str, Any] | None:
        path = self._answers(model, seed)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def _best(self, model: Candidate) -> dict[str, Any]:
        found = [self._done_before(model, seed) for seed in model.seeds]
        return max((each for each in found if each), key=lambda each: max(each["valid_by_epoch"]))


def _file(line: dict[str, Any]) -> str:
    return f"{line['model']}-seed-{line['seed']}.json"


def _scores(measures: list[Measure]) -> dict[str, float]:
    return {measure.name: measure.score for measure in measures}


def _summary(scores: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean and sample standard deviation over the seeds, for each measure."""
    found = {name: mean_and_spread([each[name] for each in scores]) for name in scores[0]}
    return {name: {"mean": spread.mean, "spread": spread.deviation} for name, spread in found.items()}
