"""A contrast at work: crops drawn, steps taken, snapshots to go on from."""

import shutil
from collections.abc import Iterator
from time import monotonic, process_time
from typing import Any, NamedTuple

import numpy as np
import torch

from mamebert.checkpoints.static_embedding import LIBRARIES, save_static
from mamebert.corpus.crops import CropPairs, Crops
from mamebert.corpus.token_shards import TokenShards
from mamebert.errors import UserError
from mamebert.files.disk import write_text
from mamebert.progress import Meter, say
from mamebert.reports.card.model_card import model_card
from mamebert.results.contrast import ContrastResults
from mamebert.runs import Run
from mamebert.stages.contrast.bag import Bags, WeightedBag, contrast_loss
from mamebert.stages.contrast.settings import ContrastConfig
from mamebert.stages.contrast.table import extremes, first_table, last_table
from mamebert.training.arithmetic import arithmetic, compare_arithmetic
from mamebert.training.interruption import stop_between_steps
from mamebert.training.loop import Losses, Step, derive_seed, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.processes import Processes
from mamebert.training.settings import Training
from mamebert.training.snapshot import Snapshot, put_back, state_of
from mamebert.training.snapshot_folder import SnapshotFolder
from mamebert.word2vec.document_vectors import weighted_rows


class Found(NamedTuple):
    """How many crops find their partner."""

    share: float
    """Those whose partner is the nearest of all, from the first crop to the second and back."""
    among: int
    """Pairs that are compared."""


KEEP_SNAPSHOTS = 2
STEPS_BETWEEN_RECORDS = 20


class Contrasting:
    """Network, text and counts of one contrast, from its last snapshot on."""

    def __init__(self, config: ContrastConfig, run: Run) -> None:
        self.config, self.run = config, run
        self.shards = shards = TokenShards.open(config.shards)
        self.begun = first_table(config, shards)
        assert self.begun.weights is not None
        self.network = network = WeightedBag(self.begun.vectors, self.begun.weights)
        self.crops = Crops(shards, config.crop_tokens, config.window_tokens, config.shortest_crop)
        self.tokens_wanted = round(config.epochs * shards.num_tokens) if config.epochs else config.tokens
        if self.tokens_wanted and len(self.crops.documents) < 2:
            raise UserError(
                f"{shards.folder} has {len(self.crops.documents)} documents of which crops can be drawn, and it takes "
                "two to tell them apart. Give more text, or tokens=0 to learn nothing."
            )
        self.total_steps = self._num_steps()
        self.step, self.tokens, self.seconds, self.cpu_seconds = 0, 0, 0.0, 0.0
        self.found_before: float | None = None
        self.training = Training(
            steps=max(1, self.total_steps),
            peak_lr=config.vectors_lr,
            warmup_rate=config.warmup_rate,
            weight_decay=0,
            epsilon=1e-8,
            precision="float32",
        )
        factors = {"before_softplus": config.weights_lr / config.vectors_lr}
        self.optimizer = make_optimizer(network, self.training, lr_factors=factors)
        self.arithmetic = arithmetic(Processes(torch.device("cpu")), torch.float32)
        self.snapshots = SnapshotFolder(run.folder / "snapshots", KEEP_SNAPSHOTS, run.sync_metrics)

    def resume(self) -> None:
        """Go to the last snapshot, if there is one; records made after it are dropped, for they are made again."""
        found = self.snapshots.newest()
        if found:
            compare_arithmetic(found.arithmetic, self.arithmetic, self.config.inexact)
            put_back(found.tensors, self.network, self.optimizer)
            self.step, self.tokens = found.step, found.progress["tokens"]
            self.seconds, self.cpu_seconds = found.progress["learning"]
            self.found_before = found.progress["found_before"]
            self.run.seconds = found.progress["seconds"]
            say(f"contrast: going on from step {self.step} of {self.total_steps}.")
        self.run.keep_metrics([line for line in self.run.metrics() if line["step"] <= self.step])
        if not self.step:
            before = self.share_found()
            self.found_before = before.share if before else None

    def learn(self) -> None:
        """Take the steps that are left, record some, snapshot from time to time, and stop when asked to."""
        began, busy = monotonic() - self.seconds, process_time() - self.cpu_seconds
        taken, stopped = monotonic(), False
        with (
            Meter("contrast", self.tokens_wanted, "tokens", done=self.tokens) as meter,
            stop_between_steps() as stopping,
            self.snapshots,
        ):
            for step, tokens in self._steps():
                self.step, self.tokens = step.number, self.tokens + tokens
                self.seconds, self.cpu_seconds = monotonic() - began, process_time() - busy
                meter.advance(tokens, f"loss {step.loss:.3f}  found {step.parts['found']:.3f}")
                if step.number % STEPS_BETWEEN_RECORDS == 0:
                    self._record(step)
                stopped = stopping.asked
                is_due = monotonic() - taken >= self.config.snapshot_seconds and not self.snapshots.busy
                if stopped or is_due:
                    self._snapshot()
                    taken = monotonic()
                if stopped:
                    break
        if stopped:
            stopping.raise_if_requested()

    def share_found(self) -> Found | None:
        """Return how many held-out crops find their partner; None where too little was held out.

        The crops are one pair of each of up to `heldout_pairs` documents, whatever the seed of the run.
        """
        config, shards = self.config, TokenShards.open(self.config.shards, "heldout")
        crops = Crops(shards, config.crop_tokens, config.window_tokens)
        if len(crops.documents) < 2:
            return None
        pairs = crops.one_of_each(config.heldout_pairs, np.random.default_rng(0))
        with torch.no_grad():
            first, second = self.network(_bags(pairs, shards)).chunk(2)
        cosines, own = first @ second.T, torch.arange(len(first))
        right = [(each.argmax(1) == own).double().mean() for each in (cosines, cosines.T)]
        return Found(float(torch.stack(right).mean()), len(own))

    def save(self) -> None:
        """Leave the table, a folder that answers, and how well crops find their partners."""
        table = last_table(self.begun, self.network)
        table.save(self.run.folder)
        libraries = save_static(weighted_rows(table), self.shards.tokenizer_folder, self.run.folder / "model")
        if not libraries:
            say(
                f"Words are split by MeCab, which {' and '.join(LIBRARIES)} cannot hold: mamebert.load opens the model."
            )
        found = self.share_found()
        heaviest, lightest = extremes(table)
        self.run.results = ContrastResults(
            vector_size=table.vectors.shape[1],
            num_words=int(self.network.has_part.sum()),
            steps=self.step,
            tokens=self.tokens,
            learning_seconds=round(self.seconds, 3),
            learning_cpu_seconds=round(self.cpu_seconds, 3),
            tokens_per_second=round(self.tokens / self.seconds) if self.tokens else None,
            heldout_pairs=found.among if found else 0,
            found_before=self.found_before,
            found=found.share if found else None,
            heaviest=heaviest,
            lightest=lightest,
            opens_with=libraries,
        ).written()
        model = self.run.folder / "model"
        write_text(model / "README.md", model_card(self.run, model, "contrast"))
        if found:
            say(f"contrast: {found.share:.1%} of held-out crops are nearest to their partner, of {found.among:,}.")

    def drop_snapshots(self) -> None:
        """Delete what going on would have needed: the run is finished."""
        shutil.rmtree(self.run.folder / "snapshots", ignore_errors=True)

    def _num_steps(self) -> int:
        if not self.tokens_wanted:
            return 0
        return max(1, round(self.tokens_wanted / (self.config.pairs * self.crops.tokens_per_pair)))

    def _steps(self) -> Iterator[tuple[Step, int]]:
        if self.step >= self.total_steps:
            return
        config, counted = self.config, [0]

        def loss(bags: Bags) -> Losses:
            counted[0] = len(bags.ids)
            return contrast_loss(self.network(bags), config.temperature)

        drawn = ([self._drawn(number)] for number in range(self.step + 1, self.total_steps + 1))
        taken = train(
            self.network, self.optimizer, drawn, loss, self.training, self.total_steps, config.seed, self.step
        )
        for step in taken:
            yield step, counted[0]

    def _drawn(self, step: int) -> Bags:
        rng = np.random.default_rng(derive_seed(self.config.seed, "crops", step))
        return _bags(self.crops.draw(self.config.pairs, rng), self.shards)

    def _record(self, step: Step) -> None:
        self.run.record(
            step=step.number,
            tokens=self.tokens,
            seconds=round(self.seconds, 3),
            lr=step.lr,
            loss=step.loss,
            **step.parts,
            gradient_norm=step.gradient_norm,
        )

    def _snapshot(self) -> None:
        progress: dict[str, Any] = {
            "tokens": self.tokens,
            "learning": [self.seconds, self.cpu_seconds],
            "seconds": self.run.worked_seconds(),
            "found_before": self.found_before,
        }
        tensors = state_of(self.network, self.optimizer)
        self.snapshots.take(Snapshot(self.step, tensors, progress, self.arithmetic))


def _bags(pairs: CropPairs, shards: TokenShards) -> Bags:
    ids, starts = pairs.tokens(shards)
    return Bags(torch.from_numpy(ids), torch.from_numpy(starts))
