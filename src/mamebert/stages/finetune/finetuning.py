"""A fine-tuning at work: one set of labelled rows, several encoders, several seeds."""

import json
import shutil
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.verify import verify
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.files.disk import disk_errors, put_in_place, remove, write_text
from mamebert.files.disk import partial as beside
from mamebert.files.json_files import read_own
from mamebert.files.names import file_name
from mamebert.labelled.comparing import comparisons, over_seeds, scores_of, write_answers
from mamebert.labelled.leaks import SeenTexts
from mamebert.labelled.lengths import count_lengths
from mamebert.labelled.rows import PARTS, UNLABELLED, read_labelled
from mamebert.progress import say
from mamebert.reports.card.model_card import model_card
from mamebert.results.finetune import FinetuneResults, Search
from mamebert.results.labelled import (
    BaselineResult,
    RowLengths,
    SeedResult,
    TestedModel,
)
from mamebert.results.pretrain import Parameters, Verified
from mamebert.runs import Run
from mamebert.stages.finetune.candidates import Candidate, candidates, check_candidates, save, start, twin
from mamebert.stages.finetune.defaults import Rows, decide, space
from mamebert.stages.finetune.doubts import doubts
from mamebert.stages.finetune.encoded_rows import EncodedRows
from mamebert.stages.finetune.fitting import Fitted, Fitting, answer
from mamebert.stages.finetune.hidden_state_cache import HiddenStates
from mamebert.stages.finetune.row_counts import write_down
from mamebert.stages.finetune.search import best_of, search, told, trial_file, with_settings
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.stages.finetune.table_fitting import fit_table
from mamebert.stages.finetune.unlabelled import has_texts_of, read_unlabelled
from mamebert.tasks import Answer, Baseline
from mamebert.tasks.bag.network import BagNetwork
from mamebert.tasks.baselines.mean_vectors import mean_vectors
from mamebert.tasks.data.features import Example
from mamebert.tasks.network.task_network import TaskNetwork, plain_logits
from mamebert.training.trouble import Diverged


class Finetuning:
    """Rows, parts and results of one fine-tuning."""

    def __init__(self, config: FinetuneConfig, run: Run) -> None:
        self.config, self.run, self.task = config, run, config.task
        self.labelled = read_labelled(config)
        self.kept = Kept.of(config.source or config.train)
        self.learnt = self.task.learn(self.labelled.parts.train)
        check_candidates(config, self.learnt)
        self.seen_texts = SeenTexts(self.task, self.labelled.parts.test)
        unlabelled = read_unlabelled(config)
        self.reads_test_texts = has_texts_of(self.labelled.parts.test, unlabelled.get(UNLABELLED, []))
        self.rows = EncodedRows({**self._all_parts(), **unlabelled}, self.learnt)
        (run.folder / "seeds").mkdir(exist_ok=True)
        run.keep_metrics([line for line in run.metrics() if self._is_finished(line)])
        self.results = FinetuneResults(models=[], baselines=[], comparisons=[])
        if config.search.method != "none":
            self.results.search = []

    def tell_rows(self) -> None:
        """Write down how many rows every part has, and what could not be used."""
        write_down(self.results, self.task, self.labelled, self._all_parts(), self.learnt)

    def ask_baselines(self) -> None:
        """Let the simplest baselines answer the same rows."""
        self.peers: dict[str, list[Answer]] = {}
        for found in self.task.baselines(self.labelled.parts, self.config.baselines, self.config.seed):
            self._add_baseline(found)
        if self.config.vectors is not None:
            folder = next(candidates(self.config)).tokenizer_folder
            found = mean_vectors(self.task, self.labelled.parts, self.config.vectors, folder, self.config.seed)
            self._add_baseline(found, self._has_seen_these_texts(self.config.vectors))

    def train_all_seeds(self, model: Candidate) -> None:
        """Fine-tune one encoder with each of its seeds and add the summary to the results."""
        config = self._searched(model)
        decided = {} if model.is_table else {**model.settled(self.task), **self._decided(model, config)}
        if decided:
            say(f"{model.title}: left open, and so decided: {told(decided)}")
        found = [self.done_before(model, seed) or self.train(model, seed, config) for seed in model.seeds]
        parts = {name: part.features for name, part in self.rows.to(model).items()}
        features = parts["train"]
        if num_truncated := sum(each.num_truncated > 0 for each in features):
            say(
                f"{model.title}: of {num_truncated} of {len(features)} train rows only the beginning is read "
                f"(task.max_length={self.task.max_length})."
            )
        seeds = [SeedResult(**{k: v for k, v in each.items() if k in SeedResult.model_fields}) for each in found]
        for doubt in (doubtful := doubts(seeds)):
            say(f"{model.title}: {doubt}")
        self.results.models.append(
            TestedModel(
                name=model.name,
                path=str(model.path),
                epoch=model.epoch,
                random_weights=model.random_weights,
                seen_test_text=not model.random_weights and self._has_seen_these_texts(model.path),
                unknown_rate=round(self.rows.unknown_to(model).rate, 6),
                truncated_share=sum(each.num_truncated > 0 for each in features) / len(features),
                lengths=RowLengths(**count_lengths(parts, model.task.max_length)) if model.epoch is None else None,
                parameters=Parameters(**found[0]["parameters"]),
                seeds=seeds,
                best_seed=self._best(model)["seed"],
                decided=decided,
                doubts=doubtful,
                scores=over_seeds([each["scores"] for each in found]),
                tests={name: over_seeds([each["tests"][name] for each in found]) for name in self.labelled.tests},
            )
        )
        self.results.measure = next(iter(found[0]["scores"]))

    def compare(self) -> None:
        """Test every pair of models and baselines on the same rows, each model with its best validated seed."""
        test = self.labelled.parts.test
        answers = {m.name: self._best(m)["answers"] for m in candidates(self.config) if m.epoch is None}
        measured = {name: self.task.measures(test, found)[0] for name, found in {**answers, **self.peers}.items()}
        self.results.comparisons.extend(comparisons(measured, self.config.seed))

    def save(self) -> None:
        """Keep the best model of every encoder, proved to open in plain transformers; drop the other seeds' weights."""
        kept, networks = [], []
        for model in candidates(self.config):
            if model.epoch is None:
                path = self.run.folder / "answers" / f"{file_name(model.name)}.jsonl"
                write_answers(path, self.labelled.parts.test, self._best(model)["answers"])
                target = self.run.folder / "models" / file_name(model.name)
                target.parent.mkdir(exist_ok=True)
                # Without it, the best seed's is the model that lies there: of a save that was stopped, or of the
                # finished run that had fewer seeds.
                if (best := self._place(model, self._best(model)["seed"])).exists():
                    remove(target)
                    put_in_place(best, target)
                kept.append(target)
                networks += [] if model.is_table else [target]
        self.results.verified = Verified(
            largest_difference=max(verify(networks, plain_logits).values(), default=None), folders=len(networks)
        )
        self.run.results = self.results.written()
        for folder in kept:
            write_text(folder / "README.md", model_card(self.run, folder, "finetune"))
        for folder in (self.run.folder / "seeds").glob("*/"):
            shutil.rmtree(folder)

    def _searched(self, model: Candidate) -> FinetuneConfig:
        """Return the settings with which all seeds of a model are trained: those its trials found best."""
        if self.config.search.method == "none" or model.is_table:  # what is searched is about networks
            return self.config
        shape = ModelFolder.open(model.path).shape
        tried = self.config.search.space or space(self.config.search, shape, self.rows_of(model))
        config = with_settings(self.config, {"search.space": tried})
        trials = search(config, model.title, self.run.folder / "search", partial(self._try, model))
        best = best_of(trials)
        say(f"{model.title}: all seeds are trained with {told(best)}")
        self.results.search.append(Search(model=model.title, best=best, trials=trials))
        return with_settings(self.config, best)

    def _decided(self, model: Candidate, config: FinetuneConfig) -> dict[str, Any]:
        return decide(config, ModelFolder.open(model.path).shape, self.rows_of(model))

    def _try(self, model: Candidate, config: FinetuneConfig, number: int) -> dict[str, Any]:
        """Return how well settings validate, with the first seed; no test row is looked at."""
        if same := twin(model, self.config):
            known = read_own(trial_file(self.run.folder / "search", same.title, number))
            return {name: value for name, value in known.items() if name not in ("trial", "settings", "same_as")}
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
        self, model: Candidate, seed: int, config: FinetuneConfig, title: str, **about: int
    ) -> tuple[TaskNetwork | BagNetwork, Fitted, dict[str, HiddenStates]]:
        """Train one network; also return the hidden states that its encoder, if it does not learn, gives."""
        parts, record = self.rows.to(model), partial(self.run.record, model=model.title, seed=seed, **about)
        if model.is_table:
            rows, apart = (parts["train"], parts["valid"]), parts.get(UNLABELLED)
            return *fit_table(model, seed, *rows, self.learnt, record, title, config.refit, apart), {}
        config = with_settings(config, self._decided(model, config))
        network = start(model, seed, config, self.learnt)
        started = monotonic()
        states = self.rows.hidden_states(model, seed, config, network)
        gathering_seconds = monotonic() - started
        config = config.model_copy(update={"task": model.task})
        fitting = Fitting(config, network, parts["train"], parts["valid"], self.learnt, record, states)
        fitted = fitting.run(title, seed)
        fitted.seconds += gathering_seconds
        return network, fitted, states

    def train(self, model: Candidate, seed: int, config: FinetuneConfig) -> dict[str, Any]:
        """Train one network and test it; return what came of it, which is in the seed's file then."""
        if same := twin(model, self.config):
            return self._take_over(same, model, seed)
        network, fitted, states = self._fit(model, seed, config, f"finetune {model.title} seed {seed}")
        parts = self.rows.to(model)
        answers = {
            name: answer(model.task, network, parts[name], fitted.learnt, states.get(name))
            for name in self.labelled.all_tests()
        }
        scores = {name: scores_of(self.task.measures(parts[name].examples, found)) for name, found in answers.items()}
        result: dict[str, Any] = {
            "seed": seed,
            "scores": scores.pop("test"),
            "tests": scores,
            "best_epoch": fitted.best_epoch,
            "valid_by_epoch": fitted.valid_by_epoch,
            "valid_loss_by_epoch": fitted.valid_loss_by_epoch,
            "validated_epochs": fitted.validated_epochs,
            "seconds": round(fitted.seconds, 3),
            "num_steps": fitted.num_steps,
            "parameters": fitted.parameters,
            "chosen": fitted.chosen,
            "answers": answers["test"],
        }
        measure, value = next(iter(result["scores"].items()))
        say(f"{model.title} seed {seed}: test {measure} {value:.4f}, best epoch {fitted.best_epoch}")
        if model.epoch is None:
            place = self._place(model, seed)
            save(network, model, fitted.learnt, place, self.kept)
        write_text(self._answers(model, seed), json.dumps(result))
        return result

    def _take_over(self, same: Candidate, model: Candidate, seed: int) -> dict[str, Any]:
        """Keep what another candidate's training gave as this one's: both are one random network."""
        say(f"{model.title} seed {seed}: the same random network as {same.title}")
        result = self.done_before(same, seed)
        assert result, f"{same.title} is trained before {model.title}"
        place = self._place(model, seed)
        with disk_errors(place):
            shutil.rmtree(place, ignore_errors=True)
            shutil.rmtree(beside(place), ignore_errors=True)
            shutil.copytree(self._place(same, seed), beside(place))
        put_in_place(beside(place), place)
        write_text(self._answers(model, seed), json.dumps(result))
        return result

    def rows_of(self, model: Candidate) -> Rows:
        """Return what is known of the rows that a model learns from."""
        parts = self.rows.to(model)
        return Rows.of(model.task, parts["train"].features, parts["valid"].features)

    def _all_parts(self) -> dict[str, list[Example]]:
        return {**dict(zip(PARTS, self.labelled.parts, strict=True)), **self.labelled.tests}

    def _has_seen_these_texts(self, path: Path) -> bool:
        return self.reads_test_texts or self.seen_texts.has_seen(path, self.config.test or self.config.source)

    def _add_baseline(self, found: Baseline, seen: bool = False) -> None:
        scores = scores_of(self.task.measures(self.labelled.parts.test, found.answers))
        measure, value = next(iter(scores.items()))
        say(f"{found.name}: test {measure} {value:.4f}")
        self.peers[found.name] = found.answers
        line = BaselineResult(
            name=found.name, scores=dict(scores), seconds=found.seconds, chosen=found.chosen, seen_test_text=seen
        )
        if found.knows_answers:
            line.knows_answers = True
        self.results.baselines.append(line)

    def _is_finished(self, line: dict[str, Any]) -> bool:
        if "trial" in line:
            return trial_file(self.run.folder / "search", line["model"], line["trial"]).is_file()
        return (self.run.folder / "seeds" / _file(line)).is_file()

    def _place(self, model: Candidate, seed: int) -> Path:
        return self.run.folder / "seeds" / f"{file_name(model.title)}-seed-{seed}"

    def _answers(self, model: Candidate, seed: int) -> Path:
        return self.run.folder / "seeds" / _file({"model": model.title, "seed": seed})

    def done_before(self, model: Candidate, seed: int) -> dict[str, Any] | None:
        """Return what came of a seed that has been trained and tested; None where it has not."""
        path = self._answers(model, seed)
        return read_own(path) if path.is_file() else None

    def _best(self, model: Candidate) -> dict[str, Any]:
        found = [self.done_before(model, seed) for seed in model.seeds]
        return max((each for each in found if each), key=lambda each: max(each["valid_by_epoch"]))


def _file(line: dict[str, Any]) -> str:
    return f"{file_name(line['model'])}-seed-{line['seed']}.json"
