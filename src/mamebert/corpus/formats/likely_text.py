"""The likelihood that somebody wrote a text, to tell one reading of some bytes from another.

A letter counts by how often it is written in its script, a syllable or an ideograph by whether it is a common one, and
what hardly anybody writes counts little: words of two scripts, capitals behind small letters, signs within words.
"""

import unicodedata
from functools import cache
from itertools import pairwise
from math import exp, log

SCRIPTS = {
    "LATIN": "etaoinshrdlcumwfgypbvkjxqzéáíöüóäàèçñêâãßôîúåłęąśżčřšžıøůşğńěûùëïœæőćźòìõÿňťďűă",
    "CYRILLIC": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфіїєёґўъј",
    "GREEK": "αοιετσνηυρπκμλςίόωάδέγήχθφύβώξζψϊ",
    "HEBREW": "יוהלאםרתבשמדנכחפעןקגטזסצךץף",
    "ARABIC": "اليمنوترهبدعفسكقحجةشصطخىأثذضزغظءئإؤآ",
    "THAI": "านรอก่เง้มยลวดทสต\u0e31\u0e35ะป\u0e34บคหแจพ\u0e38ช\u0e39ขใไ\u0e37\u0e47\u0e4cโำผถศษซฟธณภญ",
}
"""Letters by how often they are written, those of several languages together."""
SYLLABLES = set(
    "이다는을에가고의로기지하사도리서한대자어나인시라아를은그보해정수있일만과전상부제장주여원소세신스동계생들거조성안모면선"
    "구마위우오관비화물경치분실내무학적연공말년중국미금문개바때당드름발행유강요음방산입본간게러와야없것두더못된할려데트습니까"
    "네저같많됐좋싶배따른새글재노잘너진짜왜뭐좀울녕빨히집회영식통반월임차파포심호양함작업추용결체"
)
"""Of Hangul, what every text is full of."""
INSIDE_NO_WORD = set("«»“”„¿¡‘")
MARKS = set(".,;:!?-'\"()/ \t\n\r。、，．：；！？「」『』（）・ー…’‘“”–—«»،؟¿¡·")
COMMON = {"gb2312": (0xB0A1, 0xD7F9), "shift_jis": (0x889F, 0x9872), "big5": (0xA440, 0xC67E)}
"""Where national standards have the ideographs that are used every day."""
IMPOSSIBLE = -1e3
_ODD, _SIGN, _MIXED, _BESIDE, _CAPITAL = log(1e-6), log(3e-4), log(1e-3), log(0.03), log(0.05)
_INITIAL, _ALL_CAPITALS = log(0.3), log(0.1)


def likelihood(text: str, ideographs: str = "") -> float:
    """Return the logarithm of a chance: comparable between readings of the same bytes, and of nothing else.

    `ideographs` names the standard by which they are common ones; "" takes each that any standard has.
    """
    total, word, behind = 0.0, "", ""
    for character in text:
        total += _of(character, ideographs)
        if _script(character):
            total += _BESIDE if behind else 0.0
            word, behind = word + character, ""
        else:
            behind = character if word and _is_sign(character) else ""
            total += _of_word(word) + (_BESIDE if behind else 0.0)
            word = ""
    return total + _of_word(word)


def _of_word(word: str) -> float:
    """Return what speaks against a run of letters: two scripts in it, capitals at odd places."""
    scripts = [_script(character) for character in word]
    switches = sum(a != b for a, b in pairwise(scripts))
    if not any(character.isupper() for character in word):
        return switches * _MIXED
    if word.isupper():
        return switches * _MIXED + (_INITIAL if len(word) == 1 else _ALL_CAPITALS)
    odd = sum(character.isupper() for character in word[1:])
    return switches * _MIXED + odd * _CAPITAL + (_INITIAL if word[0].isupper() else log(0.1) * (odd > 0))


@cache
def _of(character: str, ideographs: str) -> float:
    if character in MARKS or character.isdigit():
        return log(0.03)
    kind, script = unicodedata.category(character), _script(character)
    if kind in ("Cc", "Cn", "Co", "Cs") and character not in "\f\v":
        return IMPOSSIBLE
    if script in SCRIPTS:
        place = SCRIPTS[script].find(character.lower())
        return log(0.12 * exp(-place / 9) + 5e-4) if place >= 0 else log(1e-4)
    if script == "EAST":
        return log(_of_eastern(character, ideographs))
    return log(1 / 60) if script else _ODD if kind == "Cf" else _SIGN


def _of_eastern(character: str, ideographs: str) -> float:
    name = unicodedata.name(character)
    if name.startswith("HANGUL SYLLABLE"):
        return 1 / 250 if character in SYLLABLES else 1 / 8000 if _is_written(character) else 1e-6
    if name.startswith("CJK"):
        return 1 / 2500 if _is_common(character, ideographs) else 1 / 60_000
    is_kana = "HIRAGANA" in name or "KATAKANA" in name  # half-width ones too
    return 1 / 60 if is_kana and ideographs in ("", "shift_jis") else 1 / 2000


@cache
def _script(character: str) -> str:
    if unicodedata.category(character)[0] not in "LM":
        return ""
    first = unicodedata.name(character, "").split(" ")[0]
    return "EAST" if first in ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "HALFWIDTH") else first


def _is_sign(character: str) -> bool:
    return not character.isascii() and (character not in MARKS or character in INSIDE_NO_WORD)


def _is_common(character: str, ideographs: str) -> bool:
    for standard in (ideographs,) if ideographs in COMMON else () if ideographs else COMMON:
        low, high = COMMON[standard]
        if low <= int.from_bytes(character.encode(standard, "ignore") or b"\0", "big") <= high:
            return True
    return False


def _is_written(syllable: str) -> bool:
    return bool(syllable.encode("iso2022_kr", "ignore"))
