"""What is left when the markup is gone: unclosed marks, empty brackets, lines that say nothing."""

import re
from collections.abc import Iterator

GONE = "\ufdd0"
"""Stands where something was taken out; a code point that no text holds."""
HEADING = "\ufdd1"
"""So many of these begin a section title as its level."""

_MAGIC = re.compile(r"__[^\W\d_]{3,}__")
_CONVERTED = re.compile(r"-\{([^{}]*)\}-")
_TAG = re.compile(r"</?(?:[a-z]+[1-6]?)(?:\s[^<>\n]{0,300})?/?>", re.IGNORECASE)
_OPEN_REF = re.compile(r"<ref[^<>]{0,300}>[^<>\n]{0,2000}|<!--.*?(?:-->|\n\n|\Z)", re.IGNORECASE | re.DOTALL)
_QUOTES = re.compile(r"'{2,}")
_MARKS = re.compile(r"\[\[(?:[^\[\]|\n]{0,200}\|)?|\]\]|\{\{\{?|\}\}\}?")
_ADDRESS = re.compile(r"\[?(?:https?|ftp)://[^\s\]<>\"、。）」]+\]?")
_OPEN, _CLOSE = "(（[［", ")）]］"
_SEPARATORS = ",;:/、，；：・–—−~〜"
# Every repetition is bounded: a line may be a million marks.
_GAP = rf"[\s{_SEPARATORS}]{{0,9}}"
_AFTER_OPEN = re.compile(rf"([{re.escape(_OPEN)}])(?:{_GAP}{GONE}){{1,20}}{_GAP}")
_BEFORE_CLOSE = re.compile(rf"{_GAP}(?:{GONE}{_GAP}){{1,20}}(?=[{re.escape(_CLOSE)}])")
_SPACES, _GONE_AGAIN = re.compile(r"[ \t]{2,}"), re.compile(rf"(?:{GONE} ?)+{GONE}")
_EMPTY = re.compile(r"[ \u3000]?(?:\(\s?\)|（\s?）|\[\s?\]|［\s?］)")
_BEFORE_MARK = re.compile(rf" ?{GONE} ?(?=[,.;:!?、。，])")
_TABLE_LINE = re.compile(rf"[\s{GONE}]*(?:\{{\||\|\}}|\||!|\}}\}}|\{{\{{)")
_LIST_SIGNS = re.compile(r"^[\s*#:;]+")
_LETTER = re.compile(r"[^\W_]")
_MEDIA = re.compile(r"\.(?:jpe?g|png|svg|gif|tiff?|webp|xcf|og[agv]|webm|mp[34]|flac|wav|midi?|pdf|djvu|stl)\s*$", re.I)
_CODE = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,8}){0,2}")
_NO_LANGUAGES = frozenset(("doi", "rfc", "irc", "wmf", "bug", "rev", "arx", "mw", "ssl", "tcp", "udp"))


def is_language(prefix: str) -> bool:
    """Say whether a link's prefix names a Wikipedia in another language; such links stand beside a page, not in it."""
    return prefix == "simple" or (_CODE.fullmatch(prefix) is not None and prefix not in _NO_LANGUAGES)


def is_media(name: str) -> bool:
    """Say whether a name ends as those of pictures and recordings do, in namespaces of former names."""
    return _MEDIA.search(name) is not None


def tidy(text: str, section_titles: bool) -> str:
    """Return the lines that hold text, without what markup has left over."""
    text = _OPEN_REF.sub(GONE, text)
    text = _CONVERTED.sub(lambda found: found[1].split(";")[0].rpartition(":")[2], text)
    for pattern in (_TAG, _ADDRESS, _MAGIC):
        text = pattern.sub(GONE, text)
    text = _MARKS.sub("", _QUOTES.sub("", text)) if "''" in text or "[[" in text or "]]" in text else text
    return "\n".join(_with_titles(_lines(text), section_titles))


def _lines(text: str) -> Iterator[str]:
    inside = 0  # a table that was never closed ends at an empty line
    for line in text.split("\n"):
        if line.startswith(HEADING):
            inside = 0
            yield line.replace(GONE, "").strip()
            continue
        bare = line.lstrip(f":*# {GONE}").rstrip()
        if bare.startswith("{|"):
            inside += 1
        elif bare.startswith("|}"):
            inside = max(inside - 1, 0)
        elif not bare:
            inside = 0
        elif not inside and not _TABLE_LINE.match(line) and (tidied := _line(line)):
            yield tidied


def _line(line: str) -> str:
    line = _SPACES.sub(" ", line)
    if GONE in line:
        line = _GONE_AGAIN.sub(GONE, line)
        line = _BEFORE_CLOSE.sub("", _AFTER_OPEN.sub(r"\1", line))
        line = _EMPTY.sub("", line)
        line = _BEFORE_MARK.sub("", line).replace(GONE, "")
    line = _MARKS.sub("", line) if "{{" in line or "}}" in line else line
    line = _SPACES.sub(" ", _LIST_SIGNS.sub("", line)).strip()
    return line if _LETTER.search(line) else ""


def _with_titles(lines: Iterator[str], wanted: bool) -> Iterator[str]:
    """Yield the lines; titles only where text comes after them, before another title of their level or a higher one."""
    waiting: list[tuple[int, str]] = []
    for line in lines:
        title = line.lstrip(HEADING)
        if level := len(line) - len(title):
            waiting = [each for each in waiting if each[0] < level]
            waiting.append((level, title))
            continue
        if wanted:
            yield from (each for _, each in waiting if each)
        waiting = []
        yield line
