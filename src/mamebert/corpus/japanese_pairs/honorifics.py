"""Verbs and nouns that raise another, or lower oneself, by who is spoken of."""

from itertools import product

from mamebert.corpus.japanese_pairs.template import Choice, Paradigm, crossed

RAISED = ("先生", "社長", "校長先生", "お客様", "市長", "教授")
OWN = ("私", "弟", "妹", "息子", "娘")
SPEECH = (
    ("そのことを", "おっしゃった", "申し上げた"), ("温かいお茶を", "召し上がった", "いただいた"),
    ("その絵を", "ご覧になった", "拝見した"), ("珍しいお話を", "お聞きになった", "伺った"),
    ("お祝いの言葉を", "おっしゃった", "申し上げた"), ("庭の写真を", "ご覧になった", "拝見した"),
)  # fmt: skip
RAISING = ("待ち", "送り", "呼び", "招き", "迎え", "探し", "助け")
FAMILY = (
    ("お父様", "父"), ("お母様", "母"), ("お祖父様", "祖父"), ("お兄様", "兄"), ("お姉様", "姉"), ("お嬢様", "娘"),
)  # fmt: skip
TIMES = ("昨日", "先週", "今朝", "去年の春")

HONORIFICS = (
    Paradigm(
        "raising_or_lowering_verb",
        "{cue}は{time}{place}{what}{word}。",
        [
            Choice(cues, (raising, lowering), {"what": what})
            for what, raising, lowering in SPEECH
            for cues in product(RAISED, OWN)
        ],
        {"time": TIMES, "place": ("会議の席で", "先生のお宅で", "駅前の店で", "二階の部屋で")},
    ),
    Paradigm(
        "o_ni_naru_or_o_suru",
        "{cue}は{time}{place}{whom}を{word}。",
        crossed(RAISED, OWN, [(f"お{stem}になった", f"お{stem}した") for stem in RAISING]),
        {
            "time": TIMES,
            "place": ("駅の入り口で", "玄関の前で", "ホテルの一階で"),
            "whom": ("町から来た客", "外国の客", "遠くから来た人"),
        },
    ),
    Paradigm(
        "being_somewhere",
        "{cue}は{time}{place}に{manner}{word}。",
        crossed(RAISED, OWN, [("いらっしゃいます", "おります"), ("いらっしゃいました", "おりました")]),
        {
            "time": ("今", "朝から", "ただ今"),
            "place": ("隣の部屋", "三階の会議室", "駅の近く", "庭の奥"),
            "manner": ("家族と一緒に", "一人で静かに", "皆と一緒に"),
        },
    ),
    Paradigm(
        "family_of_others",
        "{cue}が{time}{what}{word}は{which}。",
        crossed(("先生", "社長", "お客様", "教授"), ("私", "僕"), FAMILY),
        {
            "time": ("若い頃に", "子供の頃に", "去年の夏に", "先月"),
            "what": ("一緒に暮らした", "遠くまで会いに行った", "長い手紙を書いた"),
            "which": ("医者だった", "海の近くに住んでいる", "とても元気だ", "絵が好きだ"),
        },
    ),
)
