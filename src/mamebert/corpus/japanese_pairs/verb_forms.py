"""Forms of verbs that something else in the sentence asks for: when, who, what."""

from itertools import permutations, product

from mamebert.corpus.japanese_pairs.template import Choice, Paradigm, crossed

PEOPLE = ("父", "母", "兄", "姉", "弟", "友達", "先生", "隣の人")
BEFORE, LATER = ("昨日", "先週", "去年", "おととい"), ("明日", "来週", "来年", "あさって")
DEEDS = (
    ("昼ご飯", "食べた", "食べる"), ("本", "読んだ", "読む"), ("手紙", "書いた", "書く"), ("歌", "歌った", "歌う"),
    ("写真", "撮りました", "撮ります"), ("花", "買いました", "買います"), ("映画", "見ました", "見ます"),
)  # fmt: skip
WORN = {
    "かぶった": ("帽子", "笠"),
    "履いた": ("靴", "靴下", "ズボン"),
    "着た": ("シャツ", "セーター", "着物"),
    "はめた": ("手袋", "指輪"),
    "締めた": ("ネクタイ", "帯"),
}  # fmt: skip
ALIVE, LIFELESS = ("犬", "猫", "子供", "老人", "馬"), ("石", "箱", "椅子", "看板", "自転車")

VERB_FORMS = (
    Paradigm(
        "past_or_future",
        "{cue}{person}は{place}{what}を{word}。",
        [Choice(cues, (did, does), {"what": what}) for what, did, does in DEEDS for cues in product(BEFORE, LATER)],
        {"person": PEOPLE, "place": ("駅前の店で", "学校の庭で", "隣の町で", "海の近くで")},
    ),
    Paradigm(
        "wish_of_oneself_or_another",
        "{cue}は{time}{place}へ{manner}{word}。",
        crossed(
            ("私", "僕"),
            ("弟", "妹", "息子", "娘"),
            [(f"{stem}たい", f"{stem}たがっている") for stem in ("行き", "帰り", "出かけ", "引っ越し")],
        ),
        {
            "time": ("来年の春に", "今すぐに", "夏の間に"),
            "place": ("海の近くの町", "遠い国", "山の中の村", "都会"),
            "manner": ("家族と一緒に", "一人で静かに"),
        },
    ),
    Paradigm(
        "giving_to_oneself_or_another",
        "{giver}は{cue}に{time}{thing}を{word}。",
        crossed(
            ("私", "僕", "私たち"),
            ("先生", "店の人", "外国の人"),
            [(f"{stem}くれた", f"{stem}あげた") for stem in ("", "送って", "買って", "見せて", "作って")],
        ),
        {
            "giver": ("近所の人", "知らない人", "若い医者", "駅の人"),
            "time": ("昨日", "去年の冬に", "雨の日に"),
            "thing": ("きれいな花", "小さな箱", "珍しい人形"),
        },
    ),
    Paradigm(
        "putting_on",
        "{person}は{time}{cue}を{manner}{word}。",
        [
            Choice(cues, (one, other))
            for one, other in permutations(WORN, 2)
            for cues in product(WORN[one], WORN[other])
        ],
        {
            "person": PEOPLE,
            "time": ("毎朝", "出かける前に", "昨日"),
            "manner": ("鏡の前で急いで", "玄関でゆっくり", "部屋の中で一人で"),
        },
    ),
    Paradigm(
        "being_of_living_or_lifeless",
        "{place}に{cue}が{time}{word}。",
        crossed(ALIVE, LIFELESS, [("いる", "ある"), ("います", "あります"), ("いた", "あった")]),
        {
            "place": ("大きな木の下", "公園の入り口", "家の裏", "橋の上"),
            "time": ("昨日からずっと", "朝からずっと", "何日も前から"),
        },
    ),
)
