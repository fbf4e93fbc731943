"""A pretraining at work: what `mamebert pretrain` opens, steps through, snapshots and saves."""

import shutil
from collections.abc import Iterator
from functools import cached_property, lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

import torch

from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.verify import verify
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.fixed_embeddings import count_parameters, freeze, put_in, words
from mamebert.encoder.model import PretrainingNetwork
from mamebert.objectives import Answers, PretrainingBatch
from mamebert.objectives._batches import EpochOfBatches
from mamebert.probes.fill_mask import fill_mask
from mamebert.progress import Meter, say
from mamebert.reports.model_card import model_card
from mamebert.runs import Run, need_space, write_text
from mamebert.stages._count import Clock, Count
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.interruption import stop_between_steps
from mamebert.training.loop import Losses, Step, derive_seed, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.snapshot import KEPT, load_snapshot, save_snapshot
from mamebert.vectors.table import VectorTable

if TYPE_CHECKING:
    from mamebert.stages.pretrain import PretrainConfig


class Pretraining:
    """Network, data and counts of one pretraining, from its last snapshot on."""

    def __init__(self, config: "PretrainConfig", run: Run | None) -> None:
        self.config, self.run, self.training = config, run, config.training
        self.shards = TokenShards.open(config.shards)
        self.tokenizer = Tokenizer.open(self.shards.tokenizer_folder)
        self.device = pick_device(self.training.device)
        torch.manual_seed(derive_seed(config.seed, "weights"))
        network = PretrainingNetwork(config.encoder, self.shards.vocab_size, config.embeddings.tied)
        self._place_vectors(network)
        self.parameters = count_parameters(network)
        self.network = network.to(self.device)
        self.network.bert.compute_dtype = pick_precision(self.training.precision, self.device)
        table = words(self.network)
        exact = [table] if config.embeddings.special_trainable else []
        thawing = [table] if config.embeddings.unfreeze_after_epochs else []
        self.optimizer = make_optimizer(self.network, self.training, keep_exact=exact, later=thawing)
        self.count, self.clock = Count(), Clock()
        self.epoch = lru_cache(maxsize=2)(self._epoch)
        self._filled_masks()  # a text that cannot be filled is told now, not when the training is over

    @property
    def name(self) -> str:
        """Shape and kind in the paper's words: H256-L4-N learns its token embeddings, -W keeps word2vec's."""
        shape = self.config.encoder
        return f"H{shape.hidden_size}-L{shape.num_hidden_layers}-{'W' if self.config.embeddings.freezes else 'N'}"

    @cached_property
    def total_steps(self) -> int:
        """Optimizer steps from beginning to end; with `epochs` an estimate, since the pairs of each epoch differ."""
        return self.training.steps or self.training.epochs * len(self.epoch(0))

    @cached_property
    def held_out(self) -> list[PretrainingBatch]:
        """The batches every evaluation reads, with the same masks each time and in every run of these shards."""
        shards = TokenShards.open(self.config.shards, "heldout", check=False)
        if shards.num_documents < 2:
            say("No documents were held out (the corpus is small), so no held-out loss is measured.")
            return []
        plan = EpochOfBatches(self.config.objective, shards, self._special, self.training.batch_tokens, seed=0, epoch=0)
        num_batches = -(-self.config.heldout_tokens // self.training.batch_tokens)
        return [plan[number].to(self.device) for number in range(min(num_batches, len(plan)))]

    def resume(self) -> None:
        """Go to the last snapshot, if there is one; records made after it are dropped, for they are made again."""
        assert self.run
        reached, room = self.config.objective.max_length, self.config.encoder.max_position_embeddings
        if reached < room:
            say(
                f"Sequences have up to {reached} tokens and the encoder has {room} positions: those beyond stay "
                "untrained. Lower encoder.max_position_embeddings, or raise objective.max_length."
            )
        step, saved = load_snapshot(self.run.folder / "snapshots", self.network, self.optimizer)
        if saved:
            self.count = Count(**saved)
            say(f"{self.name}: going on from step {step} of {self.total_steps}.")
        self.run.keep_metrics([line for line in self.run.metrics() if line["step"] <= step])
        # Weights and optimizer state (three times the weights) of the snapshots, and a model for every epoch.
        models = self.config.keep_models + 1
        need_space(self.run.folder, 4 * self.parameters["total"] * (3 * (KEPT + 1) + models), "Snapshots and models")

    def steps(self) -> Iterator[tuple[Step, PretrainingBatch]]:
        """Take the remaining steps, epoch after epoch; yield after each."""
        while not self._is_done:
            plan = self.epoch(self.count.epoch)
            self._thaw_when_due()
            batches = self._remembered(plan.starting_from(self.count.batch))
            taken = train(
                self.network, self.optimizer, batches, self._loss, self.training,
                self.total_steps, self.config.seed, self.count.step,
            )  # fmt: skip
            for step in taken:
                yield step, self._batch
                if self._epoch_is_over:
                    break
            self._end_epoch(len(plan))

    def learn(self) -> None:
        """Take all steps: count, record, evaluate, snapshot, and stop when asked to."""
        assert self.run
        last_snapshot = monotonic()
        with (
            Meter(f"pretrain {self.name}", self.total_steps, "steps", done=self.count.step) as meter,
            stop_between_steps() as stopping,
        ):
            for step, batch in self.steps():
                self.count.add(step, len(batch.packed.ids), *self.clock.lap())
                rate = f"loss {step.loss:.3f}  {self.count.tokens / max(self.count.seconds, 1e-9):,.0f} tokens/s"
                meter.advance(1, rate)
                if step.number % self.config.record_every == 0:
                    self.run.record(**self.count.line(step))
                if step.number % self.config.evaluate_every == 0 and not self._epoch_is_over:
                    self.run.record(**self.count.place(), **self.measure())
                if self.training.steps and step.number in self._marks:
                    self._keep()
                due = stopping.asked or monotonic() - last_snapshot >= self.config.snapshot_seconds
                if due and not self._epoch_is_over:  # the end of an epoch takes its own, with the epoch's numbers
                    self.snapshot()
                    last_snapshot = monotonic()
                    if stopping.asked:
                        break
                self.clock.restart()
            if stopping.asked:
                raise KeyboardInterrupt

    def snapshot(self) -> None:
        """Write everything that going on needs."""
        assert self.run
        save_snapshot(self.run.folder / "snapshots", self.count.step, self.network, self.optimizer, self.count.saved())
        self.run.keep_time()

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Return held-out loss (nats per masked token) and accuracies; empty where nothing was held out."""
        self.network.eval()
        answers = Answers()
        for batch in self.held_out:
            self.config.objective.answer(self.network, batch, answers)
        return answers.summary() if self.held_out else {}

    def save(self) -> None:
        """Leave the Hugging Face folder, proved to open in plain transformers, and the numbers of the report."""
        assert self.run
        model = self.run.folder / "model"
        save_pretraining(self.network, self.shards.tokenizer_folder, model)
        folders = [model, *(self.run.folder / place["folder"] for place in self.count.kept)]
        self.run.results |= {
            "name": self.name,
            "parameters": self.parameters,
            "model_bytes": (model / "model.safetensors").stat().st_size,
            "precision": str(self.network.bert.compute_dtype).removeprefix("torch."),
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "steps": self.count.step,
            "tokens": self.count.tokens,
            "training_seconds": round(self.count.seconds, 3),
            "epochs": self.count.epochs,
            "kept": self.count.kept,
            "embeddings_unchanged": self._table_is_unchanged(),
            "fill_mask": self._filled_masks(),
            "verified": {"largest_difference": max(verify(folders).values()), "folders": len(folders)},
        }
        write_text(model / "README.md", model_card(self.run, model, "pretrain"))

    def drop_snapshots(self) -> None:
        """Delete what going on would have needed: the run is finished."""
        assert self.run
        shutil.rmtree(self.run.folder / "snapshots")

    @property
    def _is_done(self) -> bool:
        if self.training.epochs:
            return self.count.epoch == self.training.epochs
        return self.count.step == self.training.steps

    @cached_property
    def _marks(self) -> set[int]:
        """Epochs, or else steps, after which a model is kept; the last of them is the finished model."""
        length, parts = self.training.epochs or self.training.steps, self.config.keep_models
        return {round(length * part / parts) for part in range(1, parts)}

    def _keep(self) -> None:
        assert self.run
        step = self.count.step
        folder = f"kept/step-{step:09}"
        save_pretraining(self.network, self.shards.tokenizer_folder, self.run.folder / folder)
        epochs_seen = self.count.epoch + self.count.batch / len(self.epoch(self.count.epoch))
        self.count.kept.append(
            {"folder": folder, "step": step, "tokens": self.count.tokens, "epoch": round(epochs_seen, 3)}
        )

    def _epoch(self, number: int) -> EpochOfBatches:
        return EpochOfBatches(
            self.config.objective, self.shards, self._special, self.training.batch_tokens, self.config.seed, number
        )

    @property
    def _special(self) -> dict[str, int]:
        names = self.tokenizer
        return {"pad": names.pad_id, "cls": names.cls_id, "sep": names.sep_id, "mask": names.mask_id}

    @property
    def _epoch_is_over(self) -> bool:
        return self.count.step == self.training.steps or self.count.batch == len(self.epoch(self.count.epoch))

    def _remembered(self, batches: Iterator[PretrainingBatch]) -> Iterator[PretrainingBatch]:
        for batch in batches:
            self._batch = batch.to(self.device)
            yield self._batch

    def _loss(self, batch: PretrainingBatch) -> Losses:
        return self.config.objective.loss(self.network, batch)

    def _end_epoch(self, num_batches: int) -> None:
        if self.run:
            found = self.measure()
            self.run.record(**self.count.place(), **found)
            self.count.close_epoch(num_batches, found)
            if self.training.epochs and self.count.epoch in self._marks:
                self._keep()
            self.snapshot()
            self.clock.restart()

    def _place_vectors(self, network: PretrainingNetwork) -> None:
        settings = self.config.embeddings
        self._table, self._hook = None, None
        if settings.vectors is None:
            return
        vectors = VectorTable.open(settings.vectors)
        vocabulary = self.shards.tokenizer_folder / "vocab.txt"
        vectors.check(self.shards.vocab_size, self.config.encoder.hidden_size, vocabulary)
        table = torch.from_numpy(vectors.scaled(settings.scale))
        put_in(network, table)
        if settings.frozen:
            self._hook = freeze(network, settings, torch.from_numpy(vectors.learnt))
            self._table = table

    def _thaw_when_due(self) -> None:
        after = self.config.embeddings.unfreeze_after_epochs
        if after and self.count.epoch >= after:
            words(self.network).requires_grad_(True)
            if self._hook:
                self._hook.remove()

    def _table_is_unchanged(self) -> bool | None:
        settings = self.config.embeddings
        if self._table is None or settings.special_trainable or settings.unfreeze_after_epochs:
            return None
        return torch.equal(words(self.network).cpu(), self._table)

    def _filled_masks(self) -> list[dict[str, Any]]:
        texts = self.config.probe_texts
        found = fill_mask(self.network, self.tokenizer, texts)
        return [{"text": text, "candidates": masks[0]} for text, masks in zip(texts, found, strict=True)]


def estimate(config: "PretrainConfig", timed_steps: int = 10) -> dict[str, Any]:
    """Return what a pretraining will take, from some timed steps, without writing anything."""
    work = Pretraining(config, run=None)
    clock, tokens = Clock(), 0
    for number, (_, batch) in enumerate(work.steps()):
        if number == 0:  # the first step warms up allocators and thread pools
            clock.restart()
            continue
        tokens += len(batch.packed.ids)
        if number == timed_steps:
            break
    seconds, _ = clock.lap()
    rate = tokens / seconds
    return {
        "name": work.name,
        "parameters": work.parameters,
        "model_bytes": 4 * work.parameters["total"],
        "steps": work.total_steps,
        "tokens_per_epoch": work.epoch(0).num_tokens,
        "tokens_per_second": round(rate),
        "seconds_per_epoch": round(work.epoch(0).num_tokens / rate, 1),
        "seconds_in_all": round(work.total_steps * work.training.batch_tokens / rate, 1),
    }
