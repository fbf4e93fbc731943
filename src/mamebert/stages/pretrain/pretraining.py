"""A pretraining at work: what `mamebert pretrain` opens, steps through, snapshots and saves."""

import shutil
from collections.abc import Iterator
from dataclasses import astuple
from functools import cached_property, lru_cache
from typing import Any

import torch

from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.verify import verify
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.fixed_embeddings import count_parameters, words
from mamebert.encoder.model import PretrainingNetwork
from mamebert.evaluation.cost.memory import forget_peak_memory
from mamebert.files.disk import need_space, write_text
from mamebert.objectives import HeldOutSums, PretrainingBatch
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.flops import batch_flops
from mamebert.objectives.data.held_out import held_out_batches
from mamebert.probes.fill_mask import fill_mask
from mamebert.progress import say
from mamebert.reports.card.model_card import model_card
from mamebert.results.pretrain import Epoch, FilledMask, KeptModel, Parameters, PretrainResults, Trouble, Verified
from mamebert.runs import Run
from mamebert.stages.pretrain.learner import Learner
from mamebert.stages.pretrain.monitor import Hardware, TrainingMonitor
from mamebert.stages.pretrain.progress_counts import Clock, Counters
from mamebert.stages.pretrain.pseudo_perplexity import BeforeAndAfter
from mamebert.stages.pretrain.recovery import Recovery
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.starting_network import first_network, tell, tell_untrained_positions
from mamebert.stages.pretrain.token_table import FrozenTable
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.arithmetic import arithmetic
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.interruption import stop_between_steps
from mamebert.training.loop import Step, derive_seed, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.processes import Processes
from mamebert.training.snapshot import digest, state_of
from mamebert.training.trouble import Watch


class Pretraining:
    """Network, data and counts of one pretraining, from its last snapshot on."""

    def __init__(self, config: PretrainConfig, run: Run | None, processes: Processes | None = None) -> None:
        self.config, self.run, self.training, self.marks = config, run, config.training, config.marks()
        self.shards = TokenShards.open(config.shards)
        config.objective.check(self.shards)
        self.tokenizer = Tokenizer.open(self.shards.tokenizer_folder)
        self.processes = processes or Processes(pick_device(self.training.device))
        self.device = self.processes.device
        forget_peak_memory(self.device)
        torch.manual_seed(derive_seed(config.seed, "weights"))
        network, self.start = first_network(config, self.shards, self.tokenizer)
        self.table = FrozenTable(config.embeddings, network, self.shards)
        self.parameters = count_parameters(network)
        self.network = network.to(self.device)
        if run and not words(network).requires_grad:
            self.processes.share_memory(words(network), run.folder / "table.tmp")
        self.network.bert.compute_dtype = pick_precision(self.training.precision, self.device)
        if self.training.compile_layers:
            self.network.bert.compile_layers()
        self.before_and_after = BeforeAndAfter(config, self.tokenizer)
        self._filled_masks(self.network)  # a text that cannot be filled is told now, not when the training is over
        self.learner = Learner(config, self.network, self.shards.vocab_size, self.processes)
        table = words(self.network)
        exact = [table] if config.embeddings.special_trainable else []
        thawing = [table] if config.embeddings.unfreeze_after_epochs else []
        self.optimizer = make_optimizer(self.network, self.training, keep_exact=exact, later=thawing)
        self.count, self.clock, self.watch = Counters(), Clock(), Watch(config.trouble)
        if run:
            how = arithmetic(self.processes, self.network.bert.compute_dtype)
            self.safe = Recovery(config, run, self.network, self.optimizer, how, self.processes)
        self.epoch = lru_cache(maxsize=2)(self._epoch)

    @property
    def name(self) -> str:
        """Shape and kind in the paper's words: H256-L4-N learns its token embeddings, -W keeps word2vec's."""
        shape = self.config.encoder
        return f"H{shape.hidden_size}-L{shape.num_hidden_layers}-{'W' if self.config.embeddings.freezes else 'N'}"

    @property
    def recorded(self) -> Run:
        """The run that records it; a dry run has none, and takes steps alone."""
        assert self.run
        return self.run

    @cached_property
    def total_steps(self) -> int:
        """Optimizer steps from beginning to end; with `epochs` an estimate, since the pairs of each epoch differ."""
        if self.training.steps:
            return self.training.steps
        first, later = (self.epoch(number) for number in (0, 1 if self.training.batch_ramp else 0))
        return len(first) + (self.training.epochs - 1) * len(later)

    @cached_property
    def held_out(self) -> list[PretrainingBatch]:
        """The batches every evaluation reads: the same masks in every run of these shards, whatever it trains with."""
        shards = TokenShards.open(self.config.shards, "heldout")
        if shards.num_documents < 2:
            say("No documents were held out (the corpus is small), so no held-out loss is measured.")
            return []
        special, num_tokens = self.tokenizer.special, self.config.heldout_tokens
        found = held_out_batches(self.config.objective, shards, special, num_tokens)
        return [batch.to(self.device) for batch in found]

    def resume(self) -> None:
        """Go to the last snapshot, if there is one."""
        if not self.start:  # a folder that it starts from has trained them
            tell_untrained_positions(self.config)
        self.count, self.watch = self.safe.resume()
        if self.count.step:
            say(f"{self.name}: going on from step {self.count.step} of {self.total_steps}.")
        elif self.start:
            say(tell(self.start))
        place = Hardware(self.device, self.network.bert.compute_dtype, self.processes.count)
        self.telling = TrainingMonitor(
            self.recorded, self.name, self.total_steps, self.count.step, place, self.config.tensorboard
        )
        # Weights and optimizer state (three times the weights) of the snapshots, and a model for every epoch.
        snapshots = self.config.keep_snapshots + 1 + (2 if self.config.trouble.goes_back else 0)
        models = self.config.keep_models + 1
        size = 4 * self.parameters["total"] * (3 * snapshots + models)
        need_space(self.recorded.folder, size, "Snapshots and models")

    def steps(self) -> Iterator[tuple[Step, PretrainingBatch]]:
        """Take the remaining steps, epoch after epoch; yield after each."""
        while not self._is_done:
            # A shard cut short while it is mapped would end the process without a word.
            TokenShards.open(self.config.shards, check=False)
            plan = self.epoch(self.count.epoch)
            if self.table.thaw(self.network, self.count.epoch):
                self.learner.spread()
            batches = self._remembered(plan.starting_from(self.count.batch))
            taken = train(
                self.network, self.optimizer, map(self.learner.parts, batches), self.learner.loss, self.training,
                self.total_steps, self.config.seed, self.count.step, self.processes, self.watch,
            )  # fmt: skip
            for step in taken:
                yield step, self._batch
                if self._epoch_is_over:
                    break
            self._end_epoch(len(plan))

    def learn(self) -> None:
        """Take all steps: count, record, evaluate, snapshot, and stop when asked to."""
        with (
            self.telling,
            stop_between_steps() as stopping,
            self.safe.folder,
        ):
            if not self.count.step:
                self._measure_before()
                if self.watch.mark(0):
                    self.snapshot()
            for step, batch in self.steps():
                seconds, cpu_seconds = self.clock.lap()
                tokens = len(batch.packed.ids)
                flops = batch_flops(self.network, batch, self.config.objective.has_sentence_pairs)
                self.count.add(step, tokens, flops, seconds, cpu_seconds)
                self.telling.step(step, tokens, flops, seconds)
                if step.trouble:
                    self.telling.record(**self.count.place(), **self.safe.mend(step, self.watch))
                elif step.number % self.config.record_every == 0:
                    self.telling.record(**self.count.line(step))
                if step.number % self.config.evaluate_every == 0 and not self._epoch_is_over:
                    self.telling.record(**self.count.place(), **self.measure())
                if self.training.steps and step.number in self.marks:
                    self._keep()
                stop, due = self.processes.any(stopping.asked, self.safe.due)
                due = self.watch.mark(step.number) or stop or due
                if due and not self._epoch_is_over:  # the end of an epoch takes its own, with the epoch's numbers
                    self.snapshot()
                    if stop:
                        break
                self.clock.restart()
            [stop] = self.processes.any(stopping.asked)
        if stop:
            stopping.raise_if_requested()

    def _measure_before(self) -> None:
        """Ask the held-out text before the first step, once: a run that begins again at step 0 has the line already."""
        if self.before_and_after.wanted:
            network = self.learner.whole()
            if self.processes.is_main_process and not self._before:
                self.telling.record(**self.count.place(), **self.before_and_after.measure(network))
            self.clock.restart()

    @property
    def _before(self) -> dict[str, Any]:
        """Return the line of metrics.jsonl that has the measures taken before the first step."""
        first = self.recorded.metrics()[:1]
        return first[0] if first and first[0]["step"] == 0 else {}

    def snapshot(self) -> None:
        """Write everything that going on needs, while training goes on."""
        self.safe.take(self.count, self.watch)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Return held-out loss (nats per masked token) and accuracies; empty where nothing was held out."""
        network, answers = self.learner.whole(), HeldOutSums()
        network.eval()
        for share in self.processes.shares(self.held_out):
            if share.counts:
                self.config.objective.answer(network, share.part, answers)
        counted = self.processes.sum(torch.tensor(astuple(answers), dtype=torch.float64))
        return HeldOutSums(*counted.tolist()).summary() if self.held_out else {}

    def save(self) -> None:
        """Leave the Hugging Face folder, proved to open in plain transformers, and the numbers of the report."""
        network, state = self.learner.whole(), state_of(self.network, self.optimizer)
        if not self.processes.is_main_process:
            return
        model = self.recorded.folder / "model"
        save_pretraining(network, self.shards.tokenizer_folder, model)
        folders = [model, *(self.recorded.folder / place["folder"] for place in self.count.kept)]
        self.recorded.results = PretrainResults(
            name=self.name,
            parameters=Parameters(**self.parameters),
            model_bytes=(model / "model.safetensors").stat().st_size,
            precision=str(self.network.bert.compute_dtype).removeprefix("torch."),
            device=str(self.device),
            threads=torch.get_num_threads(),
            processes=self.processes.count,
            steps=self.count.step,
            tokens=self.count.tokens,
            training_seconds=round(self.count.seconds, 3),
            **dict(self.telling.summary(self.count)),
            epochs=[Epoch(**each) for each in self.count.epochs],
            kept=[KeptModel(**each) for each in self.count.kept],
            embeddings_unchanged=self.table.is_unchanged(self.network),
            fill_mask=self._filled_masks(network),
            trouble=Trouble(left_out=self.watch.left_out, went_back=self.watch.went_back),
            state_sha256=digest(state),
            start=self.start,
            pseudo_perplexity=self.before_and_after.compare(self._before, self.before_and_after.measure(network)),
            verified=Verified(largest_difference=max(verify(folders).values(), default=None), folders=len(folders)),
        ).written()
        write_text(model / "README.md", model_card(self.recorded, model, "pretrain"))

    def drop_snapshots(self) -> None:
        """Delete what going on would have needed: the run is finished."""
        if self.processes.is_main_process:
            shutil.rmtree(self.recorded.folder / "snapshots")

    @property
    def _is_done(self) -> bool:
        if self.training.epochs:
            return self.count.epoch == self.training.epochs
        return self.count.step == self.training.steps

    def _keep(self) -> None:
        step = self.count.step
        folder = f"kept/step-{step:09}"
        network = self.learner.whole()
        if self.processes.is_main_process:
            save_pretraining(network, self.shards.tokenizer_folder, self.recorded.folder / folder)
        epochs_seen = self.count.epoch + self.count.batch / len(self.epoch(self.count.epoch))
        self.count.kept.append(
            {"folder": folder, "step": step, "tokens": self.count.tokens, "epoch": round(epochs_seen, 3)}
        )

    def _epoch(self, number: int) -> EpochOfBatches:
        before = number * self.shards.num_tokens
        return EpochOfBatches(
            self.config.objective, self.shards, self.tokenizer.special, self.training.batch_tokens, self.config.seed,
            number, lambda read: self.training.batch_tokens_at(before + read),
        )  # fmt: skip

    @property
    def _epoch_is_over(self) -> bool:
        return self.count.step == self.training.steps or self.count.batch == len(self.epoch(self.count.epoch))

    def _remembered(self, batches: Iterator[PretrainingBatch]) -> Iterator[PretrainingBatch]:
        for batch in batches:
            self._batch = batch.to(self.device)
            yield self._batch

    def _end_epoch(self, num_batches: int) -> None:
        if self.run:
            found = self.measure()
            self.telling.record(**self.count.place(), **found)
            self.count.close_epoch(num_batches, found)
            if self.training.epochs and self.count.epoch in self.marks:
                self._keep()
            self.snapshot()
            self.clock.restart()

    def _filled_masks(self, network: PretrainingNetwork) -> list[FilledMask]:
        texts = self.config.probe_texts
        found = fill_mask(network, self.tokenizer, texts)
        return [FilledMask(text=text, candidates=masks[0]) for text, masks in zip(texts, found, strict=True)]
