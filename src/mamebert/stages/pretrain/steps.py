"""The steps of a pretraining: its network and data, taken through the loop epoch after epoch.

What a run keeps of them (records, snapshots, models) is `pretraining.Pretraining`; a dry run or a benchmark takes steps
alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import astuple
from functools import cached_property, lru_cache
from pathlib import Path

import torch

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.fixed_embeddings import count_parameters, words
from mamebert.encoder.model import PretrainingNetwork
from mamebert.evaluation.cost.memory import forget_peak_memory
from mamebert.objectives.data.batches import Epoch, EpochOfBatches
from mamebert.objectives.data.held_out import held_out_batches
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.objectives.data.interleaved import InterleavedEpoch
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.progress import say
from mamebert.results.pretrain import FilledMask
from mamebert.stages.pretrain.learner import Learner
from mamebert.stages.pretrain.progress_counts import Counters
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.starting_network import first_network
from mamebert.stages.pretrain.token_table import FrozenTable
from mamebert.tasks.masked_words.fill_mask import fill_mask
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.judging.characters import TextLength, length_of
from mamebert.training.averages import averaged, follow
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.loop import Step, derive_seed, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.processes import Processes
from mamebert.training.trouble import Watch

ORDER_BATCHES = 2
"""Held-out batches whose words are shuffled at the evaluations on the way: a third of a percent of 200 steps."""


class PretrainingSteps:
    """Network, data and counts of one pretraining. It writes nothing, and counts nothing by itself."""

    def __init__(
        self, config: PretrainConfig, processes: Processes | None = None, shared_table: Path | None = None
    ) -> None:
        """Make the network; a table that is frozen is held once for all processes, in the file `shared_table`."""
        self.config, self.training = config, config.training
        self.shards = TokenShards.open(config.shards)
        config.objective.check(self.shards)
        self.tokenizer = Tokenizer.open(self.shards.tokenizer_folder)
        self.second = config.objective.second_text(self.tokenizer, self.shards)
        self.processes = processes or Processes(pick_device(self.training.device))
        self.device = self.processes.device
        forget_peak_memory(self.device)
        torch.manual_seed(derive_seed(config.seed, "weights"))
        network, self.start = first_network(config, self.shards, self.tokenizer)
        self.table = FrozenTable(config.embeddings, network, self.shards)
        self.parameters = count_parameters(network)
        config.objective.equip(network)
        network.cls.predictions.z_loss = config.objective.z_loss
        self.network = network.to(self.device)
        if shared_table and not words(network).requires_grad:
            self.processes.share_memory(words(network), shared_table)
        self.network.bert.compute_dtype = pick_precision(self.training.precision, self.device)
        if self.training.compile_layers:
            self.network.bert.compile_layers()
        self.filled_masks(self.network)  # a text that cannot be filled is told now, not when the training is over
        self.learner = Learner(config, self.network, self.shards.vocab_size, self.processes)
        table = words(self.network)
        exact = [table] if config.embeddings.special_trainable else []
        thawing = [table] if config.embeddings.unfreeze_after_epochs else []
        self.optimizer = make_optimizer(self.network, self.training, keep_exact=exact, later=thawing)
        if self.training.average_decay:
            follow(self.optimizer, self.training.average_decay)
        self.count, self.watch = Counters(), Watch(config.trouble)
        self.epoch = lru_cache(maxsize=2)(self._epoch)

    @property
    def name(self) -> str:
        """Shape and kind in the paper's words: H256-L4-N learns its token embeddings, -W keeps word2vec's."""
        shape = self.config.encoder
        return f"H{shape.hidden_size}-L{shape.num_hidden_layers}-{'W' if self.config.embeddings.freezes else 'N'}"

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
        number, fewest = shards.num_documents, self.config.objective.fewest_documents
        if number < fewest:
            say(f"{number} documents were held out, and it takes {fewest}: no held-out loss is measured.")
            return []
        special, num_tokens = self.tokenizer.special, self.config.heldout_tokens
        found = held_out_batches(self.config.objective, shards, special, num_tokens)
        return [batch.to(self.device) for batch in found]

    @cached_property
    def held_out_length(self) -> TextLength:
        """How long the held-out text is, in tokens and in characters."""
        shards = TokenShards.open(self.config.shards, "heldout", check=False)
        return length_of(self.tokenizer, shards.tokens(0, shards.num_tokens))

    def __iter__(self) -> Iterator[tuple[Step, PretrainingBatch]]:
        """Take the remaining steps; yield each with its batch, to be counted before the next."""
        while not self.is_done():
            # A shard cut short while it is mapped would end the process without a word.
            TokenShards.open(self.config.shards, check=False)
            plan = self.epoch(self.count.epoch)
            if self.table.thaw(self.network, self.count.epoch):
                self.learner.spread()
            batches = self._remembered(plan.starting_from(self.count.batch, self._mask_rates()))
            taken = train(
                self.network, self.optimizer, map(self.learner.parts, batches), self.learner.loss, self.training,
                self.total_steps, self.config.seed, self.count.step, self.processes, self.watch,
            )  # fmt: skip
            for step in taken:
                yield step, self._batch
                if self.is_done():
                    break

    def is_done(self) -> bool:
        """Whether all steps are taken."""
        if self.training.epochs:
            return self.count.epoch == self.training.epochs
        return self.count.step == self.training.steps

    @property
    def epoch_is_over(self) -> bool:
        """Whether the step just counted is the last of its epoch, or of all."""
        return self.count.step == self.training.steps or self.count.batch == len(self.epoch(self.count.epoch))

    @property
    def _is_at_its_end(self) -> bool:
        """Whether the step just counted is the last of all."""
        if self.training.epochs:
            return self.count.epoch == self.training.epochs - 1 and self.epoch_is_over
        return self.count.step == self.training.steps

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Return held-out loss (nats per masked token), accuracies and order gain; empty where nothing was held out.

        The loss is told in bits for each character too, which compares vocabularies, but for a generator's.

        Order gain is what the loss rises by when the words of each sequence are shuffled, in nats per masked token, the
        same words asked (`shuffled`): 0 for an encoder that is a bag of words. On the way it is taken from the first
        batches alone, and after the last step from all.
        """
        with averaged(self.optimizer):
            return self._measured(self.learner.whole())

    def _measured(self, network: PretrainingNetwork) -> dict[str, float]:
        answers = HeldOutSums()
        network.eval()
        num_shuffled = len(self.held_out) if self._is_at_its_end else ORDER_BATCHES
        for share in self.processes.shares(list(enumerate(self.held_out))):
            number, batch = share.part
            if share.counts and number < num_shuffled:
                self.config.objective.answer_and_shuffle(network, batch, number, answers)
            elif share.counts:
                self.config.objective.answer(network, batch, answers)
        counted = self.processes.sum(torch.tensor(astuple(answers), dtype=torch.float64))
        if not self.held_out:
            return {}
        found = HeldOutSums(*counted.tolist()).summary(self.config.objective.question)
        if "heldout_mlm_loss" in found and "heldout_discriminator_loss" not in found:
            nats = found["heldout_mlm_loss"]
            found["heldout_bits_per_character"] = self.held_out_length.bits_per_character(nats)
        return found

    def filled_masks(self, network: PretrainingNetwork) -> list[FilledMask]:
        """Return the likeliest tokens for each [MASK] of `probe_texts`."""
        texts = self.config.probe_texts
        found = fill_mask(network, self.tokenizer, texts)
        return [FilledMask(text=text, candidates=masks[0]) for text, masks in zip(texts, found, strict=True)]

    def _epoch(self, number: int) -> Epoch:
        before = number * self.shards.num_tokens
        corpus = EpochOfBatches(
            self.config.objective, self.shards, self.tokenizer.special, self.training.batch_tokens, self.config.seed,
            number, lambda read: self.training.batch_tokens_at(before + read),
        )  # fmt: skip
        return InterleavedEpoch(corpus, number, self.second.every, self._pass) if self.second else corpus

    def _pass(self, number: int, turn: int) -> EpochOfBatches:
        """Return a pass over the second text, the one of number `turn` within an epoch."""
        assert self.second
        seed = derive_seed(self.config.seed, "second text", number)
        return EpochOfBatches(
            self.config.objective, self.second.shards, self.tokenizer.special, self.training.batch_tokens, seed, turn,
            examples=self.second.examples,
        )  # fmt: skip

    def _mask_rates(self) -> Callable[[int], float]:
        """Return the share of tokens asked for by the number of a batch in this epoch.

        A function of the step, which a snapshot holds; batches are made ahead, while the counts go on.
        """
        before, total, objective = self.count.step - self.count.batch, self.total_steps, self.config.objective
        return lambda number: objective.mask_rate_at((before + number) / max(1, total - 1))

    def _remembered(self, batches: Iterator[PretrainingBatch]) -> Iterator[PretrainingBatch]:
        for batch in batches:
            self._batch = batch.to(self.device)
            for group in self.optimizer.param_groups if self.training.beta_2_half_life else ():
                if "betas" in group:
                    group["betas"] = self.training.betas_for(len(batch.packed.ids))
            yield self._batch
