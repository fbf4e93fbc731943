"""Tables of labelled rows: label balance, lengths, duplicates, and the first rows as the model sees them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, groupby
from typing import Any

import numpy as np

from mamebert.reports.text.blocks import Table, cells
from mamebert.reports.text.number_format import count, percent
from mamebert.tasks import Task
from mamebert.tasks.data.features import Example, Features
from mamebert.tokenizer.encoding import Tokenizer

Examples = Mapping[str, Sequence[Example]]
MOST_LABELS, MOST_TOKENS, MOST_CHARACTERS, FIRST_ROWS = 30, 60, 200, 3
BARS = 30  # characters of the longest bar


def balance(task: Task, parts: Examples) -> list[Table]:
    """Return how often each right answer occurs, the most frequent first; none where answers cannot be counted."""
    counted = {name: Counter(task.describe(part)) for name, part in parts.items()}
    total = sum(counted.values(), Counter[str]())
    if set(total) <= {"rows"}:
        return []
    rows = []
    for label, _ in total.most_common(MOST_LABELS):
        each = (_share(found[label], sum(found.values())) for found in counted.values())
        rows.append(cells(label, *each))
    left = len(total) - len(rows)
    notes = [f"{left} more labels are rarer than these."] if left else []
    return [Table("Right answers", ["", *counted], rows, notes=notes)]


def lengths_of(parts: Examples, features: Mapping[str, Sequence[Features]]) -> dict[str, list[int]]:
    """Return for each example its tokens, those left out included, or without features its characters."""
    if features:
        return {name: [each.full_length for each in part] for name, part in features.items()}
    return {name: [sum(map(len, texts_in(each.inputs))) for each in part] for name, part in parts.items()}


def histogram(lengths: Mapping[str, Sequence[int]], in_tokens: bool) -> list[Table]:
    """Return how many examples have lengths up to each power of two, and median, 95 % and longest of each part."""
    everything = np.concatenate([np.array(each) for each in lengths.values()])
    highest = max(3, int(np.ceil(np.log2(max(everything.max(), 1)))))
    lowest = min(int(np.ceil(np.log2(max(everything.min(), 1)))), highest)
    bounds = [2**power for power in range(lowest, highest + 1)]
    places = {name: np.bincount(np.searchsorted(bounds, each), minlength=len(bounds)) for name, each in lengths.items()}
    most = max(int(sum(found[i] for found in places.values())) for i in range(len(bounds)))
    rows = []
    for i, bound in enumerate(bounds):
        whole = sum(int(found[i]) for found in places.values())
        rows.append(cells(f"up to {bound:,}", *(count(int(f[i])) for f in places.values()), "█" * _bar(whole, most)))
    for name, of in (("median", 50.0), ("95 % are up to", 95.0), ("longest", 100.0)):
        rows.append(cells(name, *(count(np.percentile(each, of)) for each in lengths.values()), ""))
    unit = "tokens, all sequences of an example together, [CLS] and [SEP] included" if in_tokens else "characters"
    return [Table(f"Lengths in {unit}", ["", *lengths, "All parts"], rows)]


def duplicates_inside(parts: Examples) -> Table:
    """Return how many examples of each part ask what an earlier one asks, and how many of them with another answer."""
    rows = []
    for name, part in parts.items():
        golds: dict[str, set[str]] = {}
        repeated = contradicted = 0
        for example in part:
            known = golds.setdefault(_key(example), set())
            repeated += bool(known)
            contradicted += bool(known) and repr(example.gold) not in known
            known.add(repr(example.gold))
        rows.append(cells(name, count(repeated), percent(repeated / len(part)), count(contradicted)))
    return Table("Duplicates inside a part", ["Part", "Rows", "Share", "With another answer"], rows)


def between(parts: Examples) -> list[Table]:
    """Return for each two parts how many examples of the second ask what one of the first asks."""
    keys = {name: [_key(example) for example in part] for name, part in parts.items()}
    rows = []
    for first, second in combinations(parts, 2):
        known = set(keys[first])
        shared = sum(key in known for key in keys[second])
        rows.append(cells(f"{second}, also in {first}", count(shared), percent(shared / len(keys[second]))))
    return [Table("Duplicates between parts", ["", "Rows", "Share"], rows)] if rows else []


def first_rows(
    part: Sequence[Example], features: Sequence[Features] | None, tokenizer: Tokenizer | None, name: str
) -> Iterator[str]:
    """Yield the first examples: as the model will see them, or without a tokenizer as they were read."""
    yield f"The first rows of {name}" + (", as the model will see them" if features else "")
    for number, example in enumerate(part[:FIRST_ROWS]):
        yield ""
        yield f"row {example.row}"
        if features and tokenizer:
            yield from _as_seen(features[number], tokenizer)
        else:
            yield f"  asked: {_short(example.inputs)}"
        yield f"  right answer: {_short(example.gold)}"


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in what a task asks, whatever its form."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts_in(list(value.values()))
    elif isinstance(value, Sequence):
        for each in value:
            yield from texts_in(each)
    elif hasattr(value, "__dict__"):
        yield from texts_in(vars(value))


def _as_seen(features: Features, tokenizer: Tokenizer) -> Iterator[str]:
    several = len(features.sequences) > 1
    for number, ids in enumerate(features.sequences[:FIRST_ROWS]):
        tokens = [tokenizer.tokens[i] for i in ids[:MOST_TOKENS]]
        more = f" … ({len(ids):,} tokens)" if len(ids) > MOST_TOKENS else ""
        yield f"  {f'sequence {number + 1} of {len(features.sequences)}: ' if several else ''}{' '.join(tokens)}{more}"
        if features.segments is not None and np.any(features.segments[number]):
            runs = ((kind, len(list(same))) for kind, same in groupby(np.asarray(features.segments[number]).tolist()))
            yield "    segments: " + ", ".join(f"{kind} for {size} tokens" for kind, size in runs)
    if len(features.sequences) > FIRST_ROWS:
        yield f"  … and {len(features.sequences) - FIRST_ROWS} sequences more"
    if features.num_truncated:
        yield f"  not read: {features.num_truncated:,} pieces"
    if features.target is not None:
        yield f"  target: {_short(np.asarray(features.target).tolist())}"


def _key(example: Example) -> str:
    return repr(example.inputs)


def _short(value: Any) -> str:
    told = value if isinstance(value, str) else repr(value)
    told = " ".join(told.split())
    return told if len(told) <= MOST_CHARACTERS else f"{told[:MOST_CHARACTERS]} …"


def _share(number: int, whole: int) -> str:
    return f"{count(number)} ({percent(number / whole)})" if whole else count(number)


def _bar(number: int, most: int) -> int:
    return max(1, round(BARS * number / most)) if number else 0
