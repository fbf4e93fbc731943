"""Words with lemmas, parts of speech, features and heads: Universal Dependencies."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.opening import Hear
from mamebert.corpus.formats.token_lines import Sentence, at_tabs, sentences
from mamebert.corpus.readers import Row
from mamebert.corpus.trees import BrokenTrees, whole_trees
from mamebert.errors import UserError

NUM_COLUMNS = 10
ID, FORM, LEMMA, UPOS, XPOS, FEATS, HEAD, DEPREL, _, MISC = range(NUM_COLUMNS)
WORD, RANGE, EMPTY = re.compile("[0-9]{1,6}"), re.compile("([0-9]{1,6})-([0-9]{1,6})"), re.compile(r"[0-9]+\.[0-9]+")


class Conllu(FromFiles):
    """Sentences of a treebank in CoNLL-U, each a row; its words are the syntactic words, as CoNLL-18 counts them.

    `words`, `lemmas`, `upos`, `xpos`, `feats` and `deprels` are lists of strings (`_` where nothing is said), `heads`
    of numbers (of the word, from 1; 0 is the root). Empty nodes (8.1) are left out. `multiwords` says for each token
    that was taken apart (3-4) its `first` and `last` word and its `text`. `text` is the sentence, `sent_id` its name.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".conllu",)

    broken_trees: BrokenTrees = "refuse"
    """What happens at a sentence whose heads form no tree with one root: an error, or it is left out and counted."""

    def read(self, path: Path, hear: Hear) -> Iterator[Row]:
        """Yield the sentences of one file."""
        found = sentences(path, self.encoding, self.errors, hear, NUM_COLUMNS, at_tabs, "#")
        return whole_trees(path, ((each.line, _row(each, path)) for each in found), self.broken_trees)


def _row(sentence: Sentence, path: Path) -> Row:
    words = [token for token in sentence.tokens if WORD.fullmatch(token[ID])]
    others = [token for token in sentence.tokens if not WORD.fullmatch(token[ID])]
    ranges = [(token, match) for token in others if (match := RANGE.fullmatch(token[ID]))]
    if wrong := next((t[ID] for t in others if not (RANGE.fullmatch(t[ID]) or EMPTY.fullmatch(t[ID]))), None):
        raise _broken(sentence, path, f"has the id {wrong!r}")
    if [int(word[ID]) for word in words] != list(range(1, len(words) + 1)):
        raise _broken(sentence, path, "has ids that do not count its words from 1")
    spans = [(int(match[1]), int(match[2])) for _, match in ranges]
    ends = [0, *(end for span in spans for end in span), len(words) + 1]
    if any(end >= later for end, later in pairwise(ends)):
        raise _broken(sentence, path, "has multiword tokens that overlap or lie outside it")
    heads = [word[HEAD] for word in words]
    if wrong := next((head for head in heads if not WORD.fullmatch(head)), None):
        raise _broken(sentence, path, f"has the head {wrong!r}, which is no number")
    said = sentence.said()
    columns = {"words": FORM, "lemmas": LEMMA, "upos": UPOS, "xpos": XPOS, "feats": FEATS, "deprels": DEPREL}
    return {
        "sent_id": "",
        **(said if "text" in said else {"text": _text(sentence), **said}),
        **{name: [word[column] for word in words] for name, column in columns.items()},
        "heads": [int(head) for head in heads],
        "multiwords": [
            {"first": first, "last": last, "text": token[FORM]}
            for (token, _), (first, last) in zip(ranges, spans, strict=True)
        ],
    }


def _text(sentence: Sentence) -> str:
    """Return the sentence as its tokens spell it, for one whose comments do not."""
    text, inside = "", 0
    for token in sentence.tokens:
        first, _, last = token[ID].partition("-")
        if EMPTY.fullmatch(token[ID]) or int(first) <= inside:
            continue
        inside = int(last or 0)
        text += token[FORM] + ("" if "SpaceAfter=No" in token[MISC].split("|") else " ")
    return text.rstrip(" ")


def _broken(sentence: Sentence, path: Path, fact: str) -> UserError:
    return UserError(f"{path}, sentence at line {sentence.line}, {fact}. Fix it; the file must be CoNLL-U.")
