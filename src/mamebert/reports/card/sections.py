"""The tables of a model card: what it was made from, what it reached, with which settings and in what time."""

from collections.abc import Callable
from typing import Any

from mamebert.config import walk
from mamebert.reports.card.compression import compress_sections
from mamebert.reports.page.sections.provenance import machine_of, versions_of
from mamebert.reports.page.sections.results import tables
from mamebert.reports.page.story import Story
from mamebert.reports.readings.cost import energy_told, peak_memory, share_told, speed
from mamebert.reports.readings.pretrainings import Pretrained, model_name
from mamebert.reports.readings.run_json import finite, value_at
from mamebert.reports.readings.word_order import bags_of_words_told
from mamebert.reports.text.blocks import Block, Cell, Section, Table, cells, drop_empty_columns
from mamebert.reports.text.number_format import clock, count, is_number, megabytes, percent
from mamebert.results.clean import CleanResults
from mamebert.results.contrast import ContrastResults
from mamebert.results.pretrain import Epoch, PretrainResults
from mamebert.results.select import SelectResults
from mamebert.results.tokenize import TokenizeResults
from mamebert.results.vectors import VectorsResults
from mamebert.results.vocab import VocabResults
from mamebert.runs import Run


def card_sections(run: Run, behind: list[Run], config: dict[str, Any], kind: str) -> list[Section]:
    """Return the parts of the card that are tables: data, results, training."""
    results = {"pretrain": _results, "contrast": _crops_found, "finetune": _task_results}.get(kind)
    found = [
        *(compress_sections(run) if kind == "compress" else []),
        Section("data", "Data and tokenizer", _data(behind)),
        Section("results", "Results", results(run) if results else []),
        Section("training", "Training", _training(run, config)),
    ]
    return [section for section in found if section.blocks]


def _crops_found(run: Run) -> list[Block]:
    results = ContrastResults.read(run.results)
    if not (is_number(results.found) and results.heldout_pairs):
        return []
    shares = [percent(share) if is_number(share) else None for share in (results.found_before, results.found)]
    title = f"Held-out crops whose partner is the nearest of {count(results.heldout_pairs)}"
    return [Table(title, ["Before learning", "After"], [cells(*shares)], num_text_columns=0)]


def _data(behind: list[Run]) -> list[Block]:
    rows = [row for run in behind if (row := _DATA.get(run.command, _nothing)(run))]
    return [Table("What it was made from", ["", ""], rows, num_text_columns=2)] if rows else []


def _tokens(run: Run) -> list[Cell]:
    results = TokenizeResults.read(run.results)
    if not results.train or results.train.tokens is None:
        return []
    documents = results.train.documents
    of = f" in {count(documents)} documents" if documents is not None else ""
    room = f", {megabytes(results.bytes)} of token shards" if results.bytes is not None else ""
    return cells("Text for pretraining", f"{count(results.train.tokens)} tokens{of}{room}")


def _text(run: Run) -> list[Cell]:
    results = CleanResults.read(run.results)
    if results.characters is None:
        return []
    return cells("Cleaned text", f"{count(results.characters)} characters in {count(results.documents)} documents")


def _selection(run: Run) -> list[Cell]:
    results = SelectResults.read(run.results)
    if not results.kept or results.kept_rate is None:
        return []
    told = f"{count(results.kept.characters)} characters ({percent(results.kept_rate)}) nearest to the texts of a task"
    return cells("Selected text", told)


def _vocabulary(run: Run) -> list[Cell]:
    kind, size = value_at(run.settings, "vocabulary.kind"), f"{count(VocabResults.read(run.results).size)} entries"
    return cells("Tokenizer", f"{kind}, {size}" if kind else size)


def _vectors(run: Run) -> list[Cell]:
    coverage = VectorsResults.read(run.results).coverage
    if not coverage or coverage.rows_learnt_rate is None:
        return []
    return cells("Word vectors", f"CBOW; {percent(coverage.rows_learnt_rate)} of the vocabulary has a learnt vector")


def _nothing(run: Run) -> list[Cell]:
    return []


_DATA: dict[str, Callable[[Run], list[Cell]]] = {
    "tokenize": _tokens,
    "clean": _text,
    "select": _selection,
    "vocab": _vocabulary,
    "vectors": _vectors,
}


def _results(run: Run) -> list[Block]:
    model = Pretrained(run, model_name(run))
    rows = [
        cells(str(each.epoch or number), *map(_three, _measured(each)), clock(each.seconds))
        for number, each in enumerate(model.epochs, 1)
    ]
    header = ["Epoch", *_MEASURED, "Time"]
    notes = ["The time of an epoch that was stopped early is reckoned for a whole one."] if model.extrapolated else []
    if told := bags_of_words_told({model.name: model.results}):
        notes.append(told)
    after_epochs = [Table("After each epoch", *drop_empty_columns(header, rows), notes=notes)] if rows else []
    return [*after_epochs, *_before_and_after(model.results)]


_MEASURED = (
    "Training loss",
    "Held-out MLM loss",
    "Held-out MLM accuracy",
    "Bits per character",
    "Order gain",
    "Held-out accuracy on pairs",
    "Held-out crops found",
)


def _measured(epoch: Epoch) -> list[float | None]:
    words = [epoch.heldout_mlm_loss, epoch.heldout_mlm_accuracy, epoch.heldout_bits_per_character, epoch.order_gain]
    return [epoch.train_loss, *words, epoch.heldout_pair_accuracy, epoch.heldout_found]


def _three(number: float | None) -> str | None:
    return f"{number:.3f}" if is_number(number) else None


def _before_and_after(results: PretrainResults) -> list[Block]:
    texts = {"heldout": "held out of the text trained on", "general": "general text"}
    found = {name: results.pseudo_perplexity[name] for name in texts if name in results.pseudo_perplexity}
    rows = [
        cells(
            f"{texts[name]}, {count(told.tokens)} tokens",
            *(
                f"{number:.2f}" if is_number(number) else None
                for number in (told.before, told.after, told.per_word_before, told.per_word_after)
            ),
        )
        for name, told in found.items()
    ]
    header = ["Text", "Before", "After", "Before, per word", "After, per word"]
    note = (
        "Each token masked in turn (Salazar et al., 2020); lower is better. Per token, vocabularies cannot be compared."
    )
    return [Table("Pseudo-perplexity before and after", header, rows, notes=[note])] if rows else []


def _task_results(run: Run) -> list[Block]:
    return [table for task in Story([run]).tasks for table in tables(task, task.title)]


def _training(run: Run, config: dict[str, Any]) -> list[Block]:
    results = PretrainResults.read(run.results) if run.command == "pretrain" else PretrainResults()
    seconds = run.seconds or results.training_seconds or sum(finite(epoch.seconds for epoch in results.epochs))
    rows = [cells(name, str(value)) for name, value in walk(run.settings) if value is not None and value != ""]
    rows += [cells("seconds", clock(seconds))] if seconds else []
    rows += [cells(name, told) for name, write in _COST if (told := write(results))]
    rows += [cells(f"config.{name}", str(config[name])) for name in _SHAPE if name in config]
    rows += [cells("model file", megabytes(results.model_bytes))] if results.model_bytes else []
    rows += [cells(name, text) for name, text in (("machine", machine_of(run)), ("versions", versions_of(run))) if text]
    return [Table("Settings, time and machine", ["Setting", "Value"], rows, num_text_columns=2)]


_COST = (
    ("tokens a second", speed),
    ("share of the machine's peak (MFU)", share_told),
    ("peak memory", peak_memory),
    ("energy of the training steps", energy_told),
)
_SHAPE = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "vocab_size",
)
