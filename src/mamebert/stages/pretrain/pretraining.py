"""A pretraining and its run: what `mamebert pretrain` resumes, records, snapshots and saves."""

import shutil
from typing import Any

import torch

from mamebert.checkpoints.verify import verify
from mamebert.encoder.model import PretrainingNetwork
from mamebert.files.disk import need_space, write_text
from mamebert.progress import say
from mamebert.reports.card.model_card import model_card
from mamebert.reports.readings.word_order import bags_of_words_told
from mamebert.results.pretrain import Epoch, KeptModel, Parameters, PretrainResults, Trouble, Verified
from mamebert.runs import Run
from mamebert.stages.pretrain.monitor import Hardware, TrainingMonitor
from mamebert.stages.pretrain.progress_counts import Clock, Counters
from mamebert.stages.pretrain.pseudo_perplexity import BeforeAndAfter
from mamebert.stages.pretrain.recovery import Recovery
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.starting_network import tell, tell_no_plain_class, tell_untrained_positions
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.training.arithmetic import arithmetic
from mamebert.training.averages import averaged
from mamebert.training.interruption import stop_between_steps
from mamebert.training.processes import Processes
from mamebert.training.snapshot import digest, state_of


class Pretraining:
    """The steps of one pretraining and the run that keeps them, from its last snapshot on."""

    def __init__(self, config: PretrainConfig, run: Run, processes: Processes) -> None:
        self.config, self.run, self.processes, self.marks = config, run, processes, config.marks()
        self.steps = PretrainingSteps(config, processes, run.folder / "table.tmp")
        self.network, self.learner = self.steps.network, self.steps.learner
        self.before_and_after = BeforeAndAfter(config, self.steps.tokenizer)
        how = arithmetic(processes, self.network.bert.compute_dtype)
        self.safe = Recovery(config, run, self.network, self.steps.optimizer, how, processes)
        self.clock = Clock()

    @property
    def count(self) -> Counters:
        """How far it has come."""
        return self.steps.count

    def resume(self) -> None:
        """Go to the last snapshot, if there is one."""
        if not self.steps.start:  # a folder that it starts from has trained them
            tell_untrained_positions(self.config)
        tell_no_plain_class(self.config.encoder)
        self.steps.count, self.steps.watch = self.safe.resume()
        if self.count.step:
            say(f"{self.steps.name}: going on from step {self.count.step} of {self.steps.total_steps}.")
        elif self.steps.start:
            say(tell(self.steps.start))
        place = Hardware(self.processes.device, self.network.bert.compute_dtype, self.processes.count)
        self.telling = TrainingMonitor(
            self.run, self.steps.name, self.steps.total_steps, self.count.step, place, self.config.tensorboard
        )
        # Weights and optimizer state (three times the weights) of the snapshots, and a model for every epoch.
        snapshots = self.config.keep_snapshots + 1 + (2 if self.config.trouble.goes_back else 0)
        models = self.config.keep_models + 1
        size = 4 * self.steps.parameters["total"] * (3 * snapshots + models)
        need_space(self.run.folder, size, "Snapshots and models")

    def learn(self) -> None:
        """Take all steps: count, record, evaluate, snapshot, and stop when asked to."""
        with (
            self.telling,
            stop_between_steps() as stopping,
            self.safe.folder,
        ):
            if not self.count.step:
                self._measure_before()
                if self.steps.watch.mark(0):
                    self.snapshot()
            for step, batch in self.steps:
                seconds, cpu_seconds = self.clock.lap()
                tokens = len(batch.packed.ids)
                flops = self.config.objective.flops(self.network, batch)
                self.count.add(step, tokens, flops, seconds, cpu_seconds)
                self.telling.step(step, tokens, flops, seconds)
                if step.trouble:
                    self.telling.record(**self.count.place(), **self.safe.mend(step, self.steps.watch))
                elif step.number % self.config.record_every == 0:
                    self.telling.record(**self.count.line(step))
                if step.number % self.config.evaluate_every == 0 and not self.steps.epoch_is_over:
                    self.telling.record(**self.count.place(), **self.steps.measure())
                if self.config.training.steps and step.number in self.marks:
                    self._keep()
                stop, due = self.processes.any(stopping.asked, self.safe.due)
                due = self.steps.watch.mark(step.number) or stop or due
                if due and not self.steps.epoch_is_over:  # the end of an epoch takes its own, with the epoch's numbers
                    self.snapshot()
                    if stop:
                        break
                if self.steps.epoch_is_over:
                    self._end_epoch()
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
        first = self.run.metrics()[:1]
        return first[0] if first and first[0]["step"] == 0 else {}

    def snapshot(self) -> None:
        """Write everything that going on needs, while training goes on."""
        self.safe.take(self.count, self.steps.watch)

    def save(self) -> None:
        """Leave the Hugging Face folder, proved to open in plain transformers, and the numbers of the report."""
        state = digest(state_of(self.network, self.steps.optimizer))
        with averaged(self.steps.optimizer):
            self._save(self.learner.whole(), state)

    def _save(self, network: PretrainingNetwork, state: str) -> None:
        if not self.processes.is_main_process:
            return
        model = self.run.folder / "model"
        written = self.config.objective.save(network, self.steps.shards.tokenizer_folder, model)
        folders = [*written, *(self.run.folder / place["folder"] for place in self.count.kept)]
        results = PretrainResults(
            name=self.steps.name,
            parameters=Parameters(**self.steps.parameters),
            model_bytes=(model / "model.safetensors").stat().st_size,
            precision=str(self.network.bert.compute_dtype).removeprefix("torch."),
            device=str(self.processes.device),
            threads=torch.get_num_threads(),
            processes=self.processes.count,
            steps=self.count.step,
            tokens=self.count.tokens,
            training_seconds=round(self.count.seconds, 3),
            **dict(self.telling.summary(self.count)),
            order_gain=self.count.epochs[-1].get("order_gain"),
            epochs=[Epoch(**each) for each in self.count.epochs],
            kept=[KeptModel(**each) for each in self.count.kept],
            embeddings_unchanged=self.steps.table.is_unchanged(self.network),
            fill_mask=self.steps.filled_masks(network),
            trouble=Trouble(left_out=self.steps.watch.left_out, went_back=self.steps.watch.went_back),
            state_sha256=state,
            start=self.steps.start,
            pseudo_perplexity=self.before_and_after.compare(self._before, self.before_and_after.measure(network)),
            verified=Verified(largest_difference=max(verify(folders).values(), default=None), folders=len(folders)),
        )
        self.run.results = results.written()
        write_text(model / "README.md", model_card(self.run, model, "pretrain"))
        if told := bags_of_words_told({self.steps.name: results}):
            say(told)

    def drop_snapshots(self) -> None:
        """Delete what going on would have needed: the run is finished."""
        if self.processes.is_main_process:
            shutil.rmtree(self.run.folder / "snapshots")

    def _keep(self) -> None:
        step = self.count.step
        folder = f"kept/step-{step:09}"
        with averaged(self.steps.optimizer):
            network = self.learner.whole()
            if self.processes.is_main_process:
                self.config.objective.save(network, self.steps.shards.tokenizer_folder, self.run.folder / folder)
        epochs_seen = self.count.epoch + self.count.batch / len(self.steps.epoch(self.count.epoch))
        self.count.kept.append(
            {"folder": folder, "step": step, "tokens": self.count.tokens, "epoch": round(epochs_seen, 3)}
        )

    def _end_epoch(self) -> None:
        num_batches, found = len(self.steps.epoch(self.count.epoch)), self.steps.measure()
        self.telling.record(**self.count.place(), **found)
        self.count.close_epoch(num_batches, found)
        if self.config.training.epochs and self.count.epoch in self.marks:
            self._keep()
        self.snapshot()
