"""Sentences in Japanese and Chinese: 。！？ end them, and what stands in brackets or quotes stays whole."""

import re
from collections.abc import Iterator

UNSPACED_LETTERS = "\u3005\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
"""Kana and Chinese characters, as ranges of a regular expression: no spaces part the words of these scripts."""

OPENER_OF = {
    "」": "「",
    "』": "『",
    "）": "（",
    ")": "(",
    "】": "【",
    "］": "［",
    "]": "[",
    "〉": "〈",
    "》": "《",
    "〕": "〔",
    "”": "“",
}
CLOSERS = "".join(map(re.escape, OPENER_OF))
QUOTES = "」』”"

# A quotation longer than this is split inside; so is one whose closing mark was forgotten.
MAX_BRACKET_CHARACTERS = 300
# How many forgotten brackets a closing one looks past for its own.
MAX_FORGOTTEN = 8

MARK = re.compile(r"[。｡！？!?.．][。｡！？!?.．]*")  # a pattern that begins with a set is looked for fast
BRACKET = re.compile(rf"[{''.join(map(re.escape, OPENER_OF.values()))}{CLOSERS}]")
CLOSING_RUN = re.compile(rf"[{CLOSERS}\"]*")
# 「行くぞ。」と言った goes on after the quotation; 「行くぞ。」彼は走った does not.
GOES_ON = re.compile(rf"[ぁ-んー、，,。．・…‥:：;；～~.!?！？等的風式系型調{CLOSERS}]")
# まさか！と思った, 何？という顔
QUOTING = re.compile(r"と(?:[思言聞考感呼叫書答尋問驚、の]|い[うえっわ])|って(?:[思言聞感、の]|い[うえっわ])")
# “好！”妈妈说。 in Chinese
SAYING = re.compile(r"[\u3400-\u9fff]{0,6}(?:说|說|问|問|道|喊|叫|答|想)[道着著]?[。，,！]")
STOP_AFTER_KANA = re.compile(r"[ぁ-ん][.．]$")
STOP_AFTER_WORD = re.compile(r"[ァ-ヿ㐀-鿿」』）)%][.．]$|[a-z0-9)]{2}\.$")
AFTER_STOP = re.compile(r"\s|$|[」』）]")


def split_unspaced(line: str, language: str) -> list[str]:
    """Return the sentences of one line of Japanese (ja) or Chinese, without white space around them."""
    sentences = []
    start = 0
    for end in _ends(line):
        if language != "ja" and line[end - 1] in QUOTES and SAYING.match(line, end):
            continue
        sentences.append(line[start:end])
        start = end
    sentences.append(line[start:])
    return [stripped for sentence in sentences if (stripped := sentence.strip())]


def _ends(line: str) -> Iterator[int]:
    spans = iter(_bracketed(line))
    opened, closed = next(spans, (len(line), len(line)))
    for mark in MARK.finditer(line):
        at = mark.end()
        while closed < at:
            opened, closed = next(spans, (len(line), len(line)))
        if opened < at < len(line):
            if at == closed - 1 and line[at] in QUOTES and "." not in mark.group() and not GOES_ON.match(line, closed):
                yield closed
        elif _ends_sentence(line, mark):
            behind = _behind_closers(line, at)
            if behind == at or not GOES_ON.match(line, behind):
                yield behind


def _ends_sentence(line: str, mark: re.Match[str]) -> bool:
    text, at = mark.group(), mark.end()
    if "。" in text or "｡" in text:
        return True
    before, after = line[mark.start() - 1 : mark.start()], line[at : at + 1]
    if text.strip(".．"):  # ! and ?
        joined = before.isascii() and before.isalnum() and after.isalnum()
        inside_a_word = joined and (before.islower() or after.isascii())  # Yahoo!ニュース, page?id=1; but OK!豆だ
        in_code = not before.strip() or before in "=<>(/&" or (after in "=(&/<>" and after != "")  # a != b
        return not (inside_a_word or in_code or QUOTING.match(line, at))
    if len(text) > 1:  # an ellipsis
        return False
    if STOP_AFTER_KANA.search(line, max(at - 2, 0), at):
        return not (after.isascii() and after.isalnum())  # これは.NETです
    return bool(STOP_AFTER_WORD.search(line, max(at - 3, 0), at) and AFTER_STOP.match(line, at))


def _behind_closers(line: str, at: int) -> int:
    run = CLOSING_RUN.match(line, at)
    assert run is not None  # it may be empty
    quote = line.find('"', at, run.end())
    opens = quote >= 0 and line.count('"', max(quote - MAX_BRACKET_CHARACTERS, 0), quote) % 2 == 0
    return quote if opens else run.end()


def _bracketed(line: str) -> list[tuple[int, int]]:
    """Return the outermost (start, end) of short bracketed parts; unmatched brackets count for nothing."""
    spans: list[tuple[int, int]] = []
    waiting: list[tuple[str, int]] = []
    for bracket in BRACKET.finditer(line):
        opener = OPENER_OF.get(bracket.group())
        if opener is None:
            waiting.append((bracket.group(), bracket.start()))
            continue
        for back in range(1, min(len(waiting), MAX_FORGOTTEN) + 1):
            if waiting[-back][0] == opener:
                start = waiting[-back][1]
                del waiting[-back:]
                if bracket.end() - start <= MAX_BRACKET_CHARACTERS:
                    while spans and spans[-1][0] > start:
                        spans.pop()
                    spans.append((start, bracket.end()))
                break
    return spans
