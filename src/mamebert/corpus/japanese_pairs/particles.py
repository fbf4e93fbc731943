"""Particles that the verb at the end asks for."""

from itertools import product

from mamebert.corpus.japanese_pairs.template import Choice, Paradigm, crossed

PEOPLE = ("兄", "姉", "弟", "妹", "母", "父", "隣の人", "店の主人")

MEETING = ("会った", "話しかけた", "挨拶した", "謝った", "相談した", "感謝した")
SEEING = ("見かけた", "助けた", "呼んだ", "追いかけた", "褒めた", "手伝った")
STAYING = ("住んでいる", "泊まっている", "留まっている", "残っている")
DOING = ("働いている", "遊んでいる", "歌っている", "勉強している", "商売をしている")
CROSSING = ("渡った", "横切った", "通り過ぎた", "通り抜けた")
RESTING = ("遊んだ", "休んだ", "転んだ", "眠った", "騒いだ")
HAPPENING = (
    ("窓", "閉まった", "閉めた"), ("ドア", "閉まった", "閉めた"), ("明かり", "消えた", "消した"),
    ("火", "消えた", "消した"), ("皿", "割れた", "割った"), ("コップ", "割れた", "割った"),
    ("機械", "止まった", "止めた"), ("車", "止まった", "止めた"), ("木", "倒れた", "倒した"),
    ("枝", "折れた", "折った"), ("時計", "壊れた", "壊した"), ("荷物", "落ちた", "落とした"),
    ("会議", "始まった", "始めた"), ("鍵", "見つかった", "見つけた"), ("水", "流れた", "流した"),
    ("髪", "乾いた", "乾かした"), ("船", "沈んだ", "沈めた"), ("糸", "切れた", "切った"),
)  # fmt: skip

PARTICLES = (
    Paradigm(
        "dative_or_accusative",
        "{person}は{time}{whom}{word}{manner}{cue}。",
        crossed(MEETING, SEEING, [("に", "を")]),
        {
            "person": PEOPLE,
            "time": ("昨日の朝", "駅の前で", "学校の帰りに", "帰り道で"),
            "whom": ("友達", "先生", "近所の子供", "若い医者", "昔の同級生"),
            "manner": ("もう一度", "その日初めて", "みんなの前で", "何度も続けて"),
        },
    ),
    Paradigm(
        "place_of_being_or_doing",
        "{person}は{place}{word}{time}{cue}。",
        crossed(STAYING, DOING, [("に", "で")]),
        {
            "person": PEOPLE,
            "place": ("小さな町", "海の近くの町", "山の中の村", "遠い国", "大きな街"),
            "time": ("もう三年も", "去年の春からずっと", "何年も前から", "先月の末から"),
        },
    ),
    Paradigm(
        "intransitive_or_transitive",
        "{time}{thing}{word}{manner}{cue}。",
        [Choice((happens, does), ("が", "を"), {"thing": thing}) for thing, happens, does in HAPPENING],
        {
            "time": ("昨日の夜", "今朝早く", "夕食の後で", "雨の日に", "先週の終わりに", "祭りの前の日に"),
            "manner": ("その後すぐに", "また突然", "誰も知らないうちに", "とうとうみんなの前で"),
        },
    ),
    Paradigm(
        "path_or_place",
        "{person}は{time}{place}{word}{manner}{cue}。",
        [Choice(cues, ("を", "で")) for cues in product(CROSSING, RESTING)],
        {
            "person": PEOPLE,
            "time": ("昨日", "夕方", "学校の帰りに", "雨の中"),
            "place": ("古い橋", "広い公園", "駅前の広場", "村の道"),
            "manner": ("一人でゆっくり", "友達と一緒に", "また急いで"),
        },
    ),
)
