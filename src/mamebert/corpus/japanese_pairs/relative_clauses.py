"""Agreement into relative clauses, out of them and across them."""

from itertools import product

from mamebert.corpus.japanese_pairs.counters import ANIMALS, HUMANS, THINGS, counted
from mamebert.corpus.japanese_pairs.honorifics import OWN, RAISED
from mamebert.corpus.japanese_pairs.template import Choice, Paradigm, crossed
from mamebert.corpus.japanese_pairs.verb_forms import ALIVE, BEFORE, LATER, LIFELESS

PEOPLE = ("父", "母", "兄", "姉", "弟", "友達", "先生", "隣の人")
MADE = (
    ("本", "買った", "買う"), ("手紙", "書いた", "書く"), ("料理", "作った", "作る"), ("歌", "歌った", "歌う"),
    ("写真", "撮った", "撮る"), ("絵", "描いた", "描く"),
)  # fmt: skip
HANDED = (("料理", "作り"), ("手紙", "送り"), ("荷物", "持ち"), ("品物", "選び"), ("花", "届け"), ("写真", "撮り"))

RELATIVE_CLAUSES = (
    Paradigm(
        "tense_within",
        "{person}が{cue}{place}{word}{what}はとても大切なものだ。",
        [Choice(cues, (did, does), {"what": what}) for what, did, does in MADE for cues in product(BEFORE, LATER)],
        {"person": PEOPLE, "place": ("駅前の店で", "学校の庭で", "隣の町で", "海の近くで")},
    ),
    Paradigm(
        "being_across",
        "{cue[0]}の{where}{cue[1]}が{time}{word}。",
        [
            Choice(((lifeless, alive), (alive, lifeless)), words)
            for alive, lifeless in product(ALIVE, LIFELESS)
            for words in (("いる", "ある"), ("います", "あります"))
        ],
        {
            "where": ("すぐ横に見える", "後ろに隠れた", "隣に並んだ", "前で濡れている"),
            "time": ("今もまだそこに", "朝からずっとそこに", "昨日と同じ場所に"),
        },
    ),
    Paradigm(
        "counter_within",
        "{person}が{place}{number}{word}{manner}{verb}{cue}は{which}。",
        [*counted(ANIMALS, THINGS), *counted(HUMANS, ANIMALS)],
        {
            "person": PEOPLE,
            "place": ("駅前の店で", "隣の町で"),
            "number": ("三", "四", "五", "六"),
            "manner": ("まとめて一度に", "次から次へと"),
            "verb": ("見つけた", "写真に撮った"),
            "which": ("どれも小さかった", "みな同じように見えた"),
        },
    ),
    Paradigm(
        "honorific_within",
        "{cue}が{time}{place}{word}{what}はとても喜ばれた。",
        [
            Choice(cues, (f"お{stem}になった", f"お{stem}した"), {"what": what})
            for what, stem in HANDED
            for cues in product(RAISED, OWN)
        ],
        {"time": ("昨日", "先週", "去年の春"), "place": ("会議の前に", "家族と一緒に", "皆のために")},
    ),
    Paradigm(
        "giving_within",
        "{giver}が{cue}に{time}{word}{thing}は{which}。",
        crossed(
            ("私", "僕", "私たち"),
            ("先生", "店の人", "外国の人"),
            [(f"{stem}くれた", f"{stem}あげた") for stem in ("", "送って", "買って", "見せて")],
        ),
        {
            "giver": ("近所の人", "知らない人", "若い医者"),
            "time": ("去年の冬に", "雨の日に", "何も言わずに"),
            "thing": ("花", "箱", "人形", "時計"),
            "which": ("とてもきれいだ", "今も机の上にある"),
        },
    ),
)
