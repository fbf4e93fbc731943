"""The script a language is written in, and whether spaces part its words."""

LATIN = ("LATIN",)
SCRIPTS = {
    ("ja",): ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"),
    ("zh", "yue", "wuu", "cmn", "lzh"): ("CJK", "BOPOMOFO"),
    ("ko",): ("HANGUL", "CJK"),
    ("ru", "uk", "be", "bg", "mk", "kk", "ky", "mn", "tg", "ba", "tt", "cv", "ab", "os", "ce", "sah", "rue"): (
        "CYRILLIC",
    ),
    ("sr", "bs", "sh", "cnr", "uz", "az"): ("LATIN", "CYRILLIC"),
    ("el", "grc"): ("GREEK",),
    ("he", "yi", "hbo"): ("HEBREW",),
    ("ar", "arz", "ary", "fa", "ur", "ps", "ug", "sd", "ckb", "sdh", "azb", "pnb"): ("ARABIC",),
    ("hi", "mr", "ne", "sa", "gom", "bho", "mai"): ("DEVANAGARI",),
    ("pa",): ("GURMUKHI",),
    ("bn", "as"): ("BENGALI",),
    ("gu",): ("GUJARATI",),
    ("or",): ("ORIYA",),
    ("ta",): ("TAMIL",),
    ("te",): ("TELUGU",),
    ("kn",): ("KANNADA",),
    ("ml",): ("MALAYALAM",),
    ("si",): ("SINHALA",),
    ("th",): ("THAI",),
    ("lo",): ("LAO",),
    ("km",): ("KHMER",),
    ("my",): ("MYANMAR",),
    ("bo", "dz"): ("TIBETAN",),
    ("ka", "xmf"): ("GEORGIAN",),
    ("hy",): ("ARMENIAN",),
    ("am", "ti"): ("ETHIOPIC",),
}
"""Scripts as Unicode names their letters; languages that are not listed are written in Latin letters."""
UNSPACED = {"ja", "zh", "yue", "wuu", "cmn", "lzh", "th", "lo", "km", "my", "bo", "dz"}
"""Languages that put no space between words."""
DENSE = {"ja", "zh", "yue", "wuu", "cmn", "lzh", "ko"}
"""Languages of whose letters one says as much as two of an alphabet: each is a syllable or a word."""
KNOWN_SCRIPTS = {script for scripts in SCRIPTS.values() for script in scripts} | {
    "CHEROKEE", "COPTIC", "GOTHIC", "SYRIAC", "THAANA", "MONGOLIAN", "TIFINAGH", "NKO", "YI", "RUNIC", "GLAGOLITIC",
    "CANADIAN",
}  # fmt: skip
"""First words of the names of letters; others ("MICRO SIGN", "MODIFIER LETTER") belong to no script."""
_SCRIPTS_OF = {language: scripts for languages, scripts in SCRIPTS.items() for language in languages}


def base(language: str) -> str:
    """Return the language without country or script: "pt" for "pt_BR"."""
    return language.lower().replace("_", "-").split("-")[0]


def scripts_of(language: str) -> tuple[str, ...]:
    """Return the scripts of a language."""
    return _SCRIPTS_OF.get(base(language), LATIN)


def is_spaced(language: str) -> bool:
    """Return whether spaces part the words of a language."""
    return base(language) not in UNSPACED


def is_dense(language: str) -> bool:
    """Return whether the letters of a language are syllables or words."""
    return base(language) in DENSE
