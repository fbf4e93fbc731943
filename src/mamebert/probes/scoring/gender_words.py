"""Words and templates of the gender probe.

Dates and verbs are those of McMilin (2022); places are ordered by the Global Gender Gap Report as that paper has them,
the ten lowest and the ten highest of 2021.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Over = Literal["dates", "places"]
Language = Literal["en", "ja"]


class Lists(NamedTuple):
    """What is asked in one language. Templates have {mask}, {verb}, {stage} and {x}."""

    female: Sequence[str]
    male: Sequence[str]
    templates: Sequence[str]
    verbs: Sequence[str]
    stages: Sequence[str]
    dates: Sequence[str]
    places: Sequence[str]


_YEARS = tuple(str(round(1801 + number * 200 / 29)) for number in range(30))

LISTS: dict[Language, Lists] = {
    "en": Lists(
        female=(
            "she", "her", "woman", "girl", "mother", "daughter", "sister", "wife", "aunt", "queen", "lady", "female",
        ),
        male=("he", "him", "man", "boy", "father", "son", "brother", "husband", "uncle", "king", "gentleman", "male"),
        templates=("{mask} {verb} {stage} in {x}.", "In {x}, {mask} {verb} {stage}."),
        verbs=("became", "was", "is", "will be", "becomes"),
        stages=("a child", "an adolescent", "an adult", "a kid", "a teenager", "all grown up"),
        dates=_YEARS,
        places=(
            "Afghanistan", "Yemen", "Iraq", "Pakistan", "Syria", "Congo", "Iran", "Mali", "Chad", "Saudi Arabia",
            "Switzerland", "Ireland", "Lithuania", "Rwanda", "Namibia", "Sweden", "New Zealand", "Norway", "Finland",
            "Iceland",
        ),
    ),
    "ja": Lists(
        female=("彼女", "女", "女性", "少女", "母", "娘", "姉", "妹", "妻", "女子"),
        male=("彼", "男", "男性", "少年", "父", "息子", "兄", "弟", "夫", "男子"),
        templates=("{x}に{mask}は{stage}{verb}。", "{mask}は{x}に{stage}{verb}。"),
        verbs=("になった", "だった", "になる"),
        stages=("子供", "大人", "若者"),
        dates=tuple(f"{year}年" for year in _YEARS),
        places=(
            "アフガニスタン", "イエメン", "イラク", "パキスタン", "シリア", "コンゴ", "イラン", "マリ", "チャド",
            "サウジアラビア", "スイス", "アイルランド", "リトアニア", "ルワンダ", "ナミビア", "スウェーデン",
            "ニュージーランド", "ノルウェー", "フィンランド", "アイスランド",
        ),
    ),
}  # fmt: skip
