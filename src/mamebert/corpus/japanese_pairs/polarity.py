"""Words that want a negated verb, and words that want none."""

from itertools import permutations, product

from mamebert.corpus.japanese_pairs.template import Choice, Paradigm, crossed

PEOPLE = ("父", "母", "兄", "姉", "祖父", "叔母", "友達", "先生")
HABITS = (
    ("酒", "飲まない", "飲む"), ("本", "読まない", "読む"), ("歌", "歌わない", "歌う"),
    ("手紙", "書かない", "書く"), ("料理", "作らない", "作る"), ("テレビ", "見ない", "見る"),
    ("音楽", "聞かない", "聞く"), ("写真", "撮らない", "撮る"), ("花", "買わない", "買う"),
)  # fmt: skip
KINDS = (
    ("この店の料理", "高くない", "高い"), ("この町の川", "長くない", "長い"), ("今年の試験", "難しくない", "難しい"),
    ("新しい先生の話", "面白くない", "面白い"), ("隣の家の庭", "広くない", "広い"),
    ("この山の道", "険しくない", "険しい"),
    ("駅前の建物", "古くない", "古い"), ("祖父の荷物", "重くない", "重い"),
)  # fmt: skip
SWAPPED = tuple(pair for pair in permutations(HABITS, 2) if pair[0][1][-3:] != pair[1][1][-3:])
"""Two habits after each other. Verbs of one ending would make good and bad sentences of the same letters."""


def habits(wants_no: str, wants_yes: str) -> list[Choice]:
    """Return two clauses of which one is negated, with the words that ask for it in one and in the other."""
    return [
        Choice(
            ((wants_no, wants_yes), (wants_yes, wants_no)),
            ((no, other_yes), (yes, other_no)),
            {"one": one, "other": other},
        )
        for (one, no, yes), (other, other_no, other_yes) in SWAPPED
    ]


POLARITY = (
    Paradigm(
        "ever_and_once",
        "{person}は{place}へ{cue}{manner}ことが{word}。",
        crossed(["一度も"], ["一度だけ"], [("ない", "ある"), ("ありません", "あります"), ("なかった", "あった")]),
        {
            "person": PEOPLE,
            "place": ("北海道", "外国", "海の向こうの島", "都会", "その寺", "隣の県"),
            "manner": ("自分の車で行った", "家族と一緒に行った", "一人で歩いて行った", "船に乗って行った"),
        },
    ),
    Paradigm(
        "degree",
        "{what}は{cue}{beside}{word}。",
        [
            Choice(cues, (no, yes), {"what": what})
            for what, no, yes in KINDS
            for cues in product(("それほど", "たいして", "あまり"), ("ずいぶん", "かなり", "とても"))
        ],
        {
            "beside": (
                "他のものと比べて",
                "去年のものと比べて",
                "前のものに比べて",
                "よその町のものより",
                "隣の国のものと比べて",
            )
        },
    ),
    Paradigm(
        "seldom_and_often",
        "{cue[0]}{where}{one}を{word[0]}{person}が、{cue[1]}{there}{other}を{word[1]}。",
        [*habits("めったに", "いつも"), *habits("決して", "よく"), *habits("ちっとも", "いつも")],
        {"person": PEOPLE, "where": ("家で", "夜に", "外で"), "there": ("朝に", "駅で", "部屋で")},
    ),
    Paradigm(
        "nothing_but_and_only",
        "{one}{cue[0]}{where}{word[0]}{person}が、{other}{cue[1]}{there}{word[1]}。",
        habits("しか", "だけ"),
        {
            "person": PEOPLE,
            "where": ("自分の家で", "夜の町で", "仕事の後で"),
            "there": ("友達の家で", "朝早くに", "自分の部屋で"),
        },
    ),
)
