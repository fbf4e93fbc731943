"""The text that was read, what was dropped, and what the tokenizer makes of it."""

from collections.abc import Mapping
from typing import Any

from mamebert.reports.page.story import Story
from mamebert.reports.readings.run_json import value_at
from mamebert.reports.text.blocks import Block, Fold, Pieces, Row, Section, Table, Text, cells
from mamebert.reports.text.number_format import count, is_number, percent, plain, score, words
from mamebert.results.clean import CleanResults
from mamebert.results.select import SelectResults
from mamebert.results.vocab import VocabResults
from mamebert.runs import Run

SHOWN_CHARACTERS = 200
TITLES = {
    "clean": "Text read and kept",
    "select": "Text selected for a task",
    "vocab": "Vocabulary",
    "tokenize": "Tokens",
}


def tell(story: Story) -> list[Section]:
    """Return the section on corpus, vocabulary and tokens."""
    counted: list[Block] = []
    shown: list[Block] = []
    for command, title in TITLES.items():
        for run in story.of(command):
            named = title if len(story.of(command)) == 1 else f"{title}: {run.final.name}"
            counted += [*tables(run.results, named), *_dropped(run)]
            shown += _samples(run)
    counted += vocabularies(story.of("vocab"))
    blocks: list[Block] = [Row(counted), *shown] if counted else shown
    return [Section("corpus", "Corpus and vocabulary", blocks)] if blocks else []


def vocabularies(runs: list[Run]) -> list[Block]:
    """Return several vocabularies side by side: one of a kind and size in each row."""
    if len(runs) < 2:
        return []
    rows = []
    for run in runs:
        found = VocabResults.read(run.results)
        figures = (
            score(found.pieces_per_word, digits=2),
            percent(found.whole_word_rate),
            percent(found.unknown_rate),
            percent(None if found.unknown_character_rate is None else 1 - found.unknown_character_rate),
            score(found.bits_per_character, digits=3),
            *map(percent, (found.boundary_recall, found.boundary_precision, found.boundary_f1)),
        )
        kind = str(value_at(run.settings, "vocabulary.kind"))
        rows.append(cells(run.final.name, kind, count(found.size), *figures))
    header = ["Run", "Kind", "Pieces", "Per word", "Whole words", "[UNK]", "Covered", "Bits per character"]
    header += ["Found", "Right", "F1"]
    notes = [
        "Of sentences that were kept aside. Per word: pieces in a word; covered: characters outside [UNK]; bits per "
        "character: by the frequency of pieces alone, lower is better; borders: those of words that people "
        "have marked, where no space shows them, found between pieces, and right among those between pieces."
    ]
    groups = [("", 8), ("Borders of marked words", 3)]
    return [Table("Vocabularies side by side", header, rows, groups, notes, num_text_columns=2)]


def tables(results: Mapping[str, Any], title: str) -> list[Block]:
    """Return the numbers of any stage: plain ones in one table, parallel groups (train, heldout) side by side."""
    groups = {
        name: _numbers(value)
        for name, value in results.items()
        if isinstance(value, Mapping) and name not in ("dropped", "rules")
    }
    groups = {name: value for name, value in groups.items() if value}
    inside = {name for group in groups.values() for name in group} if len(groups) > 1 else set()
    single = {
        name: value
        for name, value in results.items()
        if name not in inside and (is_number(value) or isinstance(value, bool))
    }
    found: list[Block] = []
    if len(groups) > 1 and set.intersection(*(set(g) for g in groups.values())):
        names = dict.fromkeys(name for group in groups.values() for name in group)
        rows = [cells(words(n), *(plain(n, g[n]) if n in g else None for g in groups.values())) for n in names]
        found.append(Table(title, ["", *map(words, groups)], rows))
        groups = {}
    rows = [cells(words(name), plain(name, value)) for name, value in single.items()]
    rows += [
        cells(f"{words(group)}: {words(n).lower()}", plain(n, v)) for group, g in groups.items() for n, v in g.items()
    ]
    if rows:
        found.append(Table(title if not found else f"{title}: more numbers", ["", "Number"], rows))
    return found


def _numbers(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if is_number(value)}


def _dropped(run: Run) -> list[Block]:
    # No sum: some reasons count documents, others paragraphs.
    reasons = CleanResults.read(run.results).dropped if run.command == "clean" else {}
    rows = [cells(words(name), count(n)) for name, n in sorted(reasons.items(), key=lambda item: -item[1])]
    return [Table("What was dropped, and why", ["Reason", "Number"], rows)] if rows else []


def _examples(results: CleanResults) -> list[Block]:
    rows = [
        cells(words(reason) if not place else "", _short(text))
        for reason, texts in results.dropped_examples.items()
        for place, text in enumerate(texts)
    ]
    table = Table("", ["Reason", "Text"], rows, num_text_columns=2)
    return [Fold("Examples of what was dropped", [table])] if rows else []


def _samples(run: Run) -> list[Block]:
    shown = VocabResults.read(run.results).segmentations if run.command == "vocab" else []
    if cut := [(each.text, each.tokens) for each in shown if each.text and each.tokens]:
        return [Pieces("How the tokenizer cuts a text", cut[:6])]
    if run.command == "select":
        return _matches(run)
    if run.command != "clean":
        return []
    results = CleanResults.read(run.results)
    texts = [text if len(text) <= 400 else f"{text[:400]} …" for text in results.samples[:5]]
    return [*([Fold("Samples of the text", [Text(texts)])] if texts else []), *_examples(results)]


def _matches(run: Run) -> list[Block]:
    rows = [
        cells(_short(each.query), _short(each.passage))
        for each in SelectResults.read(run.results).samples
        if each.query and each.passage
    ]
    table = Table("", ["Text", "Nearest passage"], rows)
    return [Fold("What was found for some texts of the task", [table])] if rows else []


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} …"
