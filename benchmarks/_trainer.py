"""The peer: `transformers.Trainer` as its own run_mlm.py uses it, interrupted after every few steps for ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import transformers
from _clock import Clock, Round
from _ours import Shape
from datasets import Dataset
from transformers import AutoTokenizer, DataCollatorForLanguageModeling, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from mamebert.config import build
from mamebert.encoder.settings import EncoderConfig
from mamebert.stages.pretrain.steps import PretrainingSteps

transformers.logging.set_verbosity_error()


class Trained:
    """A model of plain `transformers` under its own Trainer."""

    def __init__(
        self,
        model: transformers.PreTrainedModel,
        rows: Dataset,
        tokenizer: Path,
        folder: Path,
        batch: int,
        collator: Any = None,
        **more: Any,
    ) -> None:
        names = AutoTokenizer.from_pretrained(tokenizer)
        arguments = TrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=batch,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **({"max_steps": 1_000_000} | more),
        )
        collator = collator or DataCollatorForLanguageModeling(names)
        self.trainer = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator)
        self.trainer.remove_callback(PrinterCallback)
        self.device = arguments.device
        self.padded = self.real = 0
        model.register_forward_pre_hook(self._count, with_kwargs=True)

    def rounds(self, steps: int, pause: Callable[[], bool]) -> list[Round]:
        """Train; after each `steps` of them call `pause`, which says whether to go on. The first round warms up."""
        watch = _Watch(self, steps, pause)
        self.trainer.add_callback(watch)
        self.trainer.train()
        return watch.rounds[1:]

    @property
    def real_share(self) -> float:
        """Of the tokens computed, those that are no padding."""
        return self.real / self.padded

    def _count(self, model: Any, words: Any, named: dict[str, Any]) -> None:
        seen = named["attention_mask"]
        self.real, self.padded = self.real + int(seen.sum()), self.padded + seen.numel()


class _Watch(TrainerCallback):
    """Reads the clock between the ends of steps, so that fetching and padding the next batch counts too."""

    def __init__(self, trained: Trained, steps: int, pause: Callable[[], bool]) -> None:
        self.trained, self.steps, self.pause = trained, steps, pause
        self.rounds: list[Round] = []
        self.tokens, self.clock = 0, Clock(trained.device)

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step > 1 and (state.global_step - 1) % self.steps:
            return
        self.rounds.append(Round(self.trained.real - self.tokens, *self.clock.read()))
        control.should_training_stop = not self.pause()
        self.tokens = self.trained.real
        self.clock.read()


def bert(shape: Shape, vocab_size: int, kind: str = "BertForMaskedLM", **more: Any) -> transformers.PreTrainedModel:
    """Return a new BERT of one shape, all else as `transformers` has it (dropout of attention: 0.1)."""
    ours = build(EncoderConfig, shape.settings()).model_dump(exclude={"attention_probs_dropout_prob"})
    return getattr(transformers, kind)(transformers.BertConfig(vocab_size=vocab_size, **ours, **more))


def modern_bert(shape: Shape, vocab_size: int) -> transformers.PreTrainedModel:
    """Return a new ModernBERT of one shape, whose head reads the masked places alone."""
    ours = build(EncoderConfig, shape.settings())
    config = transformers.ModernBertConfig(
        vocab_size=vocab_size,
        hidden_size=ours.hidden_size,
        num_hidden_layers=ours.num_hidden_layers,
        num_attention_heads=ours.num_attention_heads,
        intermediate_size=ours.intermediate_size,
        max_position_embeddings=shape.length,
        sparse_prediction=True,
        **{f"{name}_token_id": number for number, name in enumerate(("pad", "unk", "cls", "sep"))},
        bos_token_id=2,
        eos_token_id=3,
    )
    return transformers.ModernBertForMaskedLM(config)


def sequences(work: PretrainingSteps) -> Dataset:
    """Return the sequences of our first epoch, unmasked, with segments and the labels of pairs."""
    rows: dict[str, list[Any]] = {"input_ids": [], "token_type_ids": []}
    labels: list[int] = []
    plan = work.epoch(0)
    for batch in plan.starting_from(0):
        ids = batch.packed.ids.index_copy(0, batch.chosen, batch.targets)
        for name, values in (("input_ids", ids), ("token_type_ids", batch.packed.segments)):
            rows[name] += (each.tolist() for each in values.split(batch.packed.lengths))
        labels += batch.labels.tolist()
    if work.config.objective.kind == "masked_lm_nsp":
        rows["next_sentence_label"] = labels
    return _dataset(**rows)


def grouped(lines: Dataset, length: int) -> Dataset:
    """Return lines joined and cut into blocks of one length, as run_mlm does unless told --line_by_line."""
    stream = [number for row in lines["input_ids"] for number in row]
    blocks = [stream[k : k + length] for k in range(0, len(stream) - length + 1, length)]
    return _dataset(input_ids=blocks, token_type_ids=[[0] * length] * len(blocks))


def _dataset(input_ids: list[list[int]], **more: Any) -> Dataset:
    return Dataset.from_dict({"input_ids": input_ids, **more, "attention_mask": [[1] * len(row) for row in input_ids]})
