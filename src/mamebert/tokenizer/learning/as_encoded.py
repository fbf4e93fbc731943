"""Words in the parts that the encoder will see."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from tokenizers import Tokenizer as RustTokenizer

from mamebert.tokenizer.pieces import mend

AT_ONCE = 2_000
"""Words that are normalised as one text: no rule looks across the line ends between them."""


def parts_of(words: Sequence[str], rust: RustTokenizer) -> Iterator[tuple[int, str]]:
    """Yield each part of each word, normalised, behind the number of the word."""
    for start in range(0, len(words), AT_ONCE):
        some = words[start : start + AT_ONCE]
        normal = rust.normalizer.normalize_str(mend("\n".join(some)))
        ends = list(accumulate(len(line) + 1 for line in normal.split("\n")))
        if len(ends) != len(some):  # a word of MeCab's holds a line end
            for number, word in enumerate(some, start):
                parts = rust.pre_tokenizer.pre_tokenize_str(rust.normalizer.normalize_str(mend(word)))
                yield from ((number, part) for part, _ in parts)
            continue
        place = 0
        for part, (begin, _) in rust.pre_tokenizer.pre_tokenize_str(normal):
            while begin >= ends[place]:
                place += 1
            yield start + place, part
