"""A fine-tuning at work: one split, several encoders, several seeds."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from mamebert.checkpoints.load import model_folder, read_config, start_classification
from mamebert.checkpoints.save import save_classification
from mamebert.checkpoints.verify import verify
from mamebert.encoder.model import ClassificationNetwork
from mamebert.errors import UserError
from mamebert.evaluation.baselines import Baseline, Part, mean_vectors_svm, most_frequent, tfidf_svm
from mamebert.evaluation.metrics import accuracy, macro_f1, mean_and_spread, paired_bootstrap
from mamebert.evaluation.split import stratified_split
from mamebert.progress import Meter, say
from mamebert.reports.model_card import model_card
from mamebert.runs import Run, hash_file, sources_behind, write_text
from mamebert.tasks._rows import read_labelled
from mamebert.tasks.classification import Classification, Document, DocumentBatch, to_device
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.interruption import stop_between_steps
from mamebert.training.loop import derive_seed, train
from mamebert.training.optimizer import make_optimizer
from mamebert.vectors.table import VectorTable

if TYPE_CHECKING:
    from mamebert.stages.finetune import FinetuneConfig

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Candidate:
    """One encoder to fine-tune."""

    name: str
    path: Path
    """The Hugging Face folder."""
    epoch: float | None
    """Pretraining epochs it had seen when it was kept; None for a finished encoder."""
    seeds: list[int]

    @property
    def title(self) -> str:
        """Name in logs and file names."""
        return self.name if self.epoch is None else f"{self.name}-epoch-{self.epoch:g}"


class Finetuning:
    """Rows, split and results of one fine-tuning."""

    def __init__(self, config: "FinetuneConfig", run: Run) -> None:
        self.config, self.run, self.training = config, run, config.training
        self.task = cast(Classification, config.task)
        split = config.split
        self.rows = read_labelled(config.source, config.columns, config.label_column).sample(
            config.max_rows, split.seed
        )
        self.split = stratified_split(
            self.rows.labels, (split.train, split.valid, 1 - split.train - split.valid), split.seed
        )
        self.labels = sorted(set(self.rows.labels))
        number = {label: i for i, label in enumerate(self.labels)}
        self.gold = np.array([number[label] for label in self.rows.labels], np.int64)
        self.device = pick_device(self.training.device)
        self.encoded: dict[str, tuple[list[Document], float]] = {}
        self._refuse_what_would_fail_later()
        (run.folder / "seeds").mkdir(exist_ok=True)
        run.keep_metrics(
            [
                line
                for line in run.metrics()
                if (run.folder / "seeds" / f"{line['model']}-seed-{line['seed']}.json").is_file()
            ]
        )
        run.results |= {"models": [], "baselines": [], "comparisons": []}

    def tell_split(self) -> None:
        """Write down how many rows of each label every part has."""
        counts = {
            part: {label: int((self.gold[rows] == i).sum()) for i, label in enumerate(self.labels)}
            for part, rows in zip(PARTS, self.split, strict=True)
        }
        self.run.results |= {
            "task": self.task.kind,
            "labels": self.labels,
            "columns": self.config.columns,
            "split": counts,
            "num_empty_rows": self.rows.num_empty,
        }
        say(
            "finetune: "
            + ", ".join(f"{sum(c.values())} {part}" for part, c in counts.items())
            + f" rows, {len(self.labels)} labels"
        )

    def ask_baselines(self) -> None:
        """Let the simplest peers answer the same rows."""
        parts = [Part([self.rows.texts[i] for i in rows], self.gold[rows].tolist()) for rows in self.split]
        self._add_baseline(most_frequent(*parts))
        if self.config.baselines != "none":
            self._add_baseline(tfidf_svm(*parts, analyzer=self.config.baselines, seed=self.config.seed))
        if self.config.vectors is not None:
            table = VectorTable.open(self.config.vectors)
            folder = next(self.candidates()).path
            tokenizer = Tokenizer.open(folder)
            table.check(tokenizer.vocab_size, table.vectors.shape[1], folder / "vocab.txt")
            pieces = [p.ids for p in tokenizer.encode_many(self.rows.texts)]
            encoded = [Part([pieces[i] for i in rows], self.gold[rows].tolist()) for rows in self.split]
            seen = self._has_seen_these_texts(self.config.vectors)
            self._add_baseline(mean_vectors_svm(*encoded, vectors=table.vectors, seed=self.config.seed), seen)

    def candidates(self) -> Iterator[Candidate]:
        """Yield every encoder, and where asked the models kept on its way before it."""
        for name, path in self.config.models.items():
            has_record = self.config.epoch_seeds and (path / "run.json").is_file()
            for place in Run.open(path).results.get("kept", []) if has_record else []:
                yield Candidate(name, path / place["folder"], place["epoch"], self.config.epoch_seeds)
            yield Candidate(name, model_folder(path), None, self.config.seeds)

    def train_all_seeds(self, model: Candidate) -> None:
        """Fine-tune one encoder with each of its seeds and add the summary to the results."""
        documents, share_cut = self._encode(model)
        found = [self._done_before(model, seed) or self._train(model, seed, documents) for seed in model.seeds]
        accuracies = mean_and_spread([each["accuracy"] for each in found])
        self.run.results["models"].append(
            {
                "name": model.name,
                "path": str(model.path),
                "epoch": model.epoch,
                "seen_test_text": self._has_seen_these_texts(model.path),
                "truncated_share": share_cut,
                "seeds": [{k: v for k, v in each.items() if k != "predictions"} for each in found],
                "accuracy_mean": accuracies.mean,
                "accuracy_spread": accuracies.deviation,
                "macro_f1_mean": mean_and_spread([each["macro_f1"] for each in found]).mean,
            }
        )

    def compare(self) -> None:
        """Test every pair of finished models on the same rows, each with its best validated seed."""
        right = {}
        for model in self.candidates():
            if model.epoch is None:
                right[model.name] = np.array(self._best(model)["predictions"]) == self.gold[self.split.test]
        names = list(right)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                found = paired_bootstrap(right[b], right[a], seed=self.config.seed)  # a minus b
                line = {
                    "a": a,
                    "b": b,
                    "difference": found.difference,
                    "interval": list(found.interval),
                    "p": found.p_value,
                }
                self.run.results["comparisons"].append(line)

    def save(self) -> None:
        """Keep the best model of every encoder, proved to open in plain transformers; drop the other seeds' weights."""
        kept = []
        for model in self.candidates():
            if model.epoch is None:
                target = self.run.folder / "models" / model.name
                target.parent.mkdir(exist_ok=True)
                if not target.exists():
                    os.replace(self._place(model, self._best(model)["seed"]), target)
                kept.append(target)
        self.run.results["verified"] = {"largest_difference": max(verify(kept).values()), "folders": len(kept)}
        for folder in kept:
            write_text(folder / "README.md", model_card(self.run, folder, "finetune"))
        for folder in (self.run.folder / "seeds").glob("*/"):
            shutil.rmtree(folder)

    def _train(self, model: Candidate, seed: int, documents: list[Document]) -> dict[str, Any]:
        torch.manual_seed(derive_seed(seed, "head"))
        network = start_classification(model.path, len(self.labels)).to(self.device)
        network.bert.compute_dtype = pick_precision(self.training.precision, self.device)
        optimizer = make_optimizer(network, self.training)
        gold = torch.from_numpy(self.gold).to(self.device)
        num_epochs, total = self._length(documents)
        started, best, best_weights, by_epoch, done = monotonic(), -1.0, {}, [], 0
        with Meter(f"finetune {model.title} seed {seed}", total, "steps") as meter, stop_between_steps() as stopping:
            for epoch in range(num_epochs):
                order = np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(self.split.train)
                batches = self.task.batches(documents, order.tolist(), self.training.batch_tokens)
                taken = train(
                    network, optimizer, (self._parts(documents, batch) for batch in batches),
                    lambda part: self.task.loss(network, to_device(part[0], network), gold, part[1]),
                    self.training, total, seed, done,
                )  # fmt: skip
                for step in taken:
                    done = step.number
                    meter.advance(1, f"loss {step.loss:.3f}  best valid {max(best, 0):.4f}")
                    if stopping.asked:
                        say("Finished seeds are kept.")
                        stopping.obey()
                valid = self._accuracy(network, documents, self.split.valid)
                by_epoch.append(valid)
                self.run.record(model=model.title, seed=seed, epoch=epoch + 1, valid_accuracy=valid)
                if valid > best:
                    best, best_weights = valid, {k: v.detach().clone() for k, v in network.state_dict().items()}
                elif epoch - int(np.argmax(by_epoch)) >= self.config.patience:
                    break
        network.load_state_dict(best_weights)
        seconds = monotonic() - started
        predictions = self.task.predict(network, [documents[i] for i in self.split.test]).argmax(1)
        gold_test = self.gold[self.split.test].tolist()
        result = {
            "seed": seed,
            "accuracy": accuracy(gold_test, predictions.tolist()),
            "macro_f1": macro_f1(gold_test, predictions.tolist()),
            "best_epoch": int(np.argmax(by_epoch)) + 1,
            "valid_accuracy": best,
            "valid_by_epoch": by_epoch,
            "seconds": round(seconds, 3),
            "predictions": predictions.tolist(),
        }
        say(f"{model.title} seed {seed}: test accuracy {result['accuracy']:.4f}, best epoch {result['best_epoch']}")
        if model.epoch is None:
            about = {"task": self.task.model_dump(), "columns": self.config.columns}
            save_classification(network, model.path, self._place(model, seed), self.labels, about)
        write_text(self._answers(model, seed), json.dumps(result))
        return result

    def _parts(self, documents: list[Document], batch: DocumentBatch) -> list[tuple[DocumentBatch, int]]:
        """Return the parts that are computed one after the other, each with the number of documents in the batch."""
        at_once = self.training.part_tokens
        parts = self.task.batches(documents, batch.rows, at_once) if at_once else [batch]
        return [(part, len(batch.rows)) for part in parts]

    def _length(self, documents: list[Document]) -> tuple[int, int]:
        """Return the number of epochs and of steps."""
        steps = self.task.num_batches([documents[i] for i in self.split.train], self.training.batch_tokens)
        epochs = self.training.epochs or -(-self.training.steps // steps)
        return epochs, self.training.steps or epochs * steps

    def _accuracy(self, network: ClassificationNetwork, documents: list[Document], rows: np.ndarray) -> float:
        found = self.task.predict(network, [documents[i] for i in rows]).argmax(1)
        return accuracy(self.gold[rows].tolist(), found.tolist())

    def _encode(self, model: Candidate) -> tuple[list[Document], float]:
        key = hash_file(model.path / "vocab.txt") if (model.path / "vocab.txt").is_file() else str(model.path)
        if key not in self.encoded:
            self.encoded = {key: self.task.encode(Tokenizer.open(model.path), self.rows.texts)}
        return self.encoded[key]

    def _refuse_what_would_fail_later(self) -> None:
        for part, rows in zip(PARTS, self.split, strict=True):
            if not len(rows):
                raise UserError(f"The {part} part has no rows. Give more rows, or other shares in split.")
        for model in self.candidates():
            room = int(read_config(model.path)["max_position_embeddings"])
            if self.task.max_length > room:
                raise UserError(
                    f"task.max_length {self.task.max_length} is longer than {model.name} reads ({room}). "
                    f"Lower it to {room}."
                )

    def _has_seen_these_texts(self, path: Path) -> bool:
        behind = {source["sha256"] for source in sources_behind(path)}
        return bool(behind & {source.sha256 for source in self.config.source.fingerprint()})

    def _add_baseline(self, found: Baseline, seen: bool = False) -> None:
        say(f"{found.name}: test accuracy {found.accuracy:.4f}")
        line = {k: v for k, v in found._asdict().items() if k != "predictions"}
        self.run.results["baselines"].append({**line, "seen_test_text": seen})

    def _place(self, model: Candidate, seed: int) -> Path:
        return self.run.folder / "seeds" / f"{model.title}-seed-{seed}"

    def _answers(self, model: Candidate, seed: int) -> Path:
        place = self._place(model, seed)
        return place.with_name(place.name + ".json")  # not with_suffix: a name may have a dot, as epoch-0.5 does

    def _done_before(self, model: Candidate, seed: int) -> dict[str, Any] | None:
        path = self._answers(model, seed)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def _best(self, model: Candidate) -> dict[str, Any]:
        found = [self._done_before(model, seed) for seed in model.seeds]
        return max((each for each in found if each), key=lambda each: each["valid_accuracy"])
