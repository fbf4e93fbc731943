"""Counters that the noun asks for, near or far."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

from mamebert.corpus.japanese_pairs.template import Choice, Paradigm

PEOPLE = ("母", "父", "兄", "姉", "祖父", "祖母", "友達", "隣の人")
NUMBERS = ("三", "四", "五", "六")
SHOPS = ("近所の店で", "駅前の店で", "隣の町で", "古い市場で")

ANIMALS = {"匹": ("犬", "猫", "金魚", "亀", "ねずみ")}
HUMANS = {"人": ("学生", "子供", "医者", "客", "兵士")}
THINGS = {
    "冊": ("本", "辞書", "雑誌", "ノート"),
    "枚": ("皿", "切符", "写真", "葉書"),
    "台": ("自転車", "カメラ", "ピアノ", "机"),
    "着": ("着物", "コート", "ドレス", "上着"),
    "足": ("靴", "靴下", "長靴"),
}  # fmt: skip


def counted(some: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]]) -> list[Choice]:
    """Return nouns of every two classes, and the counter that each asks for."""
    return [
        Choice((noun, other), (counter, its))
        for (counter, nouns), (its, their) in product(some.items(), others.items())
        for noun, other in product(nouns, their)
    ]


WITHIN_THINGS = [
    choice for one, other in combinations(THINGS, 2) for choice in counted({one: THINGS[one]}, {other: THINGS[other]})
]

COUNTERS = (
    Paradigm(
        "animals_or_things",
        "{person}は{cue}を{shop}{manner}{number}{word}買った。",
        counted(ANIMALS, THINGS),
        {"person": PEOPLE, "shop": SHOPS, "manner": ("たまたま", "全部で", "一度に"), "number": NUMBERS},
    ),
    Paradigm(
        "people_or_animals",
        "{place}に{cue}が{time}{number}{word}{verb}。",
        counted(HUMANS, ANIMALS),
        {
            "place": ("公園の入り口", "橋の上", "駅の前", "大きな木の下"),
            "time": ("朝早くから", "昨日の夕方", "雨の中ずっと"),
            "number": NUMBERS,
            "verb": ("いた", "集まっていた", "残っていた"),
        },
    ),
    Paradigm(
        "kinds_of_things",
        "{person}は{cue}を{shop}{manner}{number}{word}{verb}。",
        WITHIN_THINGS,
        {
            "person": PEOPLE,
            "shop": SHOPS,
            "manner": ("たまたま", "全部で", "一度に"),
            "number": NUMBERS,
            "verb": ("選んだ", "注文した", "見つけた"),
        },
    ),
    Paradigm(
        "counter_before_its_noun",
        "{person}は{number}{word}の{kind}{cue}を{verb}。",
        [*counted(HUMANS, ANIMALS), *counted(HUMANS, THINGS), *counted(ANIMALS, THINGS)],
        {
            "person": PEOPLE,
            "number": NUMBERS,
            "kind": ("とても小さな", "見たこともない", "とてもきれいな", "今まで知らなかった"),
            "verb": ("見つけた", "探していた", "写真に撮った", "眺めていた"),
        },
    ),
)
