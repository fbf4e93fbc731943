"""Sentences in Thai and Lao: a space ends them, and it parts clauses as well; marks come with foreign habits."""

import re

from mamebert.corpus.sentences.spaced import split_spaced

LEAST_CHARACTERS = 80
"""A shorter beginning of a line goes on behind a space."""
# Behind a letter, and before one: around signs of repetition and shortening, numbers and quotes spaces are usual.
_ENDS = "\u0e01-\u0e2e\u0e30-\u0e3a\u0e45\u0e47-\u0e4e\u0e81-\u0ec5\u0ec8-\u0ecd"
_BEGINS = "\u0e01-\u0e2e\u0e40-\u0e44\u0e81-\u0eae\u0ec0-\u0ec4"
_SPACE = re.compile(rf"(?<=[{_ENDS}])\s+(?=[{_BEGINS}])")


def split_unmarked(line: str, language: str) -> list[str]:
    """Return the sentences of one line, without white space around them: clauses together of 80 characters or more."""
    return [part for sentence in split_spaced(line, language) for part in _parts(sentence)]


def _parts(sentence: str) -> list[str]:
    parts, start = [], 0
    for space in _SPACE.finditer(sentence):
        if space.start() - start >= LEAST_CHARACTERS and len(sentence) - space.end() >= LEAST_CHARACTERS // 2:
            parts.append(sentence[start : space.start()])
            start = space.end()
    return [*parts, sentence[start:]]
