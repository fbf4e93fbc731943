"""Sentences in languages that put spaces between words: an end mark, a space, and a capital or the like."""

import re

# What ends a sentence: the Western marks, and those of Arabic, Urdu, Devanagari, Armenian, Ethiopic, Burmese, Khmer
# and Chinese.
MARKS = ".!?…؟۔।॥։።။។៕。！？"
# All marks that stand together. A pattern that begins with a set of characters is looked for fast.
MARK = f"[{MARKS}](?<![{MARKS}][{MARKS}])[{MARKS}]*+"
AND_SO_ON = "ល។"  # behind ។ in Khmer
# No space need follow the marks of a language that has none between words, wherever its words turn up.
WITHOUT_SPACE = "។៕။。！？"
SPACE_AFTER_MARK = r"[\"'”’»«“)\]}›]*\s+"
AFTER_FULL_WIDTH = r"[\"'”’»«“)\]}›」』）]*\s*"
AFTER = f"(?:(?<=[{WITHOUT_SPACE}]){AFTER_FULL_WIDTH}|(?<![{WITHOUT_SPACE}]){SPACE_AFTER_MARK})"
END = re.compile(f"({MARK}){AFTER}")
# Korean: verbs end in these, and often no space follows; what is quoted goes on with "하고 (said)" or "라고 (that)".
KOREAN_END = re.compile(f"({MARK})(?:(?<=[다요까죠]\\.)(?=[가-힣])|{AFTER})")
KOREAN_GOES_ON = re.compile(r"(?:하고|하며|하면서|이?라(?:고|며|는|면서))")
# Up to the word before a stop.
BEFORE_WORD = re.compile(r"(?:.*[\s(\[{\"'“”‘’«»/–—])?", re.DOTALL)
INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]\.")
WORD = re.compile(r"[^\W\d_]+")
# Irish writes its mutations before the capital: hÉireann, bhFuil, nGaeilge, t-Aire.
IRISH_CAPITAL = re.compile(r"(?:bhF|[hnt]-?[AEIOUÁÉÍÓÚ]|gC|nD|nG|mB|bP|dT|tS)")

ALWAYS = {
    # Titles and the like, which a name follows.
    "en": """mr mrs ms mx dr prof rev hon gen col maj capt lt cmdr adm sgt cpl pvt gov sen rep pres supt st ste mt ft
             messrs vs v cf ca c viz approx fig figs eq eqs sec ch vol vols ed eds trans al e.g i.e jan feb mar apr jun
             jul aug sep sept oct nov dec""",
    "ga": "uas t-uas iml lch lgh dr ollscoil uimh m.sh i.e cf féach sh",
    "et": "hr pr prl dr prof nt jne vt lk nr st s.t s.o u ca ingl kr saj",
    "de": """hr fr dr prof dipl ing st nr bd hrsg vgl ca z.b d.h u.a i.d.r s.o s.u bzw usw evtl ggf inkl jan feb apr aug
             sept okt nov dez abs art str sog geb gest""",
    "fr": "m mm mme mlle dr me st ste cf p pp vol art chap fig env av apr éd",
    "es": "sr sra srta dr dra ud uds st sta cf p pp vol núm art fig av ee.uu",
    "it": "sig sigg sig.ra dott prof ing avv on cf p pp vol n art fig ecc",
    "nl": "dhr mevr mr drs dr ir prof st nr blz bijv d.w.z o.a ca vgl art",
    "pt": "sr sra dr dra prof cf p pp vol n art fig av",
    "sv": "hr fr dr prof st nr s t.ex bl.a d.v.s o.s.v ca jfr",
    "fi": "hra rva tri prof esim mm ns n s ts yms vrt",
    "pl": "p r św dr prof inż mgr ul nr np tzn tzw m.in por",
}
# These hold before a number only: "No. 5", "p. 12".
BEFORE_NUMBERS = {
    "no",
    "nos",
    "nr",
    "num",
    "p",
    "pp",
    "art",
    "para",
    "cap",
    "op",
    "vol",
    "uimh",
    "lch",
    "ll",
    "b",
    "d",
    "r",
}
# An ordinal is a number with a stop: "am 3. Oktober".
ORDINALS = {"de", "et", "fi", "da", "nb", "nn", "no", "is", "cs", "sk", "sl", "hr", "hu", "lv", "pl", "tr"}
# Words that begin English sentences and hardly ever follow a shortened name within one: "in the U.S. The ..."
STARTERS = """
    The In He She It They This That These Those A An However But And After Although As At By During For From His
    Her Its Their If On One Some Many Most Since There Then Though Through To Under Until Upon We When While
    With You I According Also Another Because Before Both Despite Each Later No Not Other So Such Thus What
    Where Which Who Why Two Three
"""
SENTENCE_STARTERS = frozenset(STARTERS.split())
NOT_ENDS = {language: frozenset(words.split()) for language, words in ALWAYS.items()}


def split_spaced(line: str, language: str) -> list[str]:
    """Return the sentences of one line, without white space around them.

    The few abbreviations that matter are known for twelve languages; others use the English titles.
    """
    sentences = []
    start = 0
    for end in (KOREAN_END if language == "ko" else END).finditer(line):
        if _ends_sentence(line, start, end, language):
            sentences.append(line[start : end.end()].strip())
            start = end.end()
    rest = line[start:].strip()
    return [*sentences, rest] if rest else sentences


def _ends_sentence(line: str, start: int, end: re.Match[str], language: str) -> bool:
    """Return whether a sentence that began at `start` ends with the mark, and what is behind it, in `end`."""
    stop, at = end.start(), end.end()
    following = line[at : at + 1]
    if _goes_on(line, end, language):
        return False
    if end[1] != "." or not following:
        return True
    begin = BEFORE_WORD.match(line, max(start, stop - 30), stop)
    word = line[begin.end() : stop] if begin else ""
    if word.isdigit():
        return not (stop - len(word) == start and len(word) < 4) and not (language in ORDINALS and len(word) < 3)
    if following.isdigit() and word.lower() in BEFORE_NUMBERS:
        return False
    if (len(word) == 1 or "." in word) and INITIALS.fullmatch(word + "."):
        return word == "I" or _next_word(line, at) in SENTENCE_STARTERS
    return word.lower() not in NOT_ENDS.get(language, NOT_ENDS["en"])


def _goes_on(line: str, end: re.Match[str], language: str) -> bool:
    """Return whether what stands behind a mark is no beginning of a sentence, whatever the mark."""
    at = end.end()
    if language == "ko" and line[end.end(1) : at].strip() and KOREAN_GOES_ON.match(line, at):
        return True
    if end[1] == "។":
        return line.startswith(AND_SO_ON, end.end(1))
    return line[at : at + 1].islower() and not (language == "ga" and IRISH_CAPITAL.match(line, at))


def _next_word(line: str, at: int) -> str:
    word = WORD.match(line, at)
    return word.group() if word else ""
