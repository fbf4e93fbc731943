"""The three tables of the paper that the N against W comparison follows, as printed there.

Arata Suganami and Hiroyuki Shinnou (2022), "Construction of Japanese BERT with Fixed Token Embeddings".
N learns its token embeddings, W takes them fixed from word2vec. One seed each.
"""

from collections.abc import Iterable

SOURCE = "Suganami and Shinnou (2022), “Construction of Japanese BERT with Fixed Token Embeddings”"

# Table 1: category -> (train, valid, test). The folder names of the corpus stand for the printed names.
SPLIT = {
    "dokujo-tsushin": (87, 87, 697),
    "it-life-hack": (87, 87, 697),
    "kaden-channel": (86, 86, 693),  # printed "Kaji Channel"; the folder is 家電チャンネル, kaden
    "livedoor-homme": (51, 51, 410),
    "movie-enter": (87, 87, 697),
    "peachy": (84, 84, 675),
    "smax": (87, 87, 697),
    "sports-watch": (90, 90, 721),
    "topic-news": (77, 77, 617),
}
SPLIT_NOTE = (
    "The paper counts 7,376 articles: the corpus has 7,367, and the paper took the nine LICENSE.txt files, "
    "one per category, for articles as well."
)

# Table 2: shape -> seconds per epoch.
SECONDS_PER_EPOCH = {
    "H128-L24": {"N": 16 * 3600 + 49 * 60, "W": 16 * 3600 + 45 * 60},
    "H1024-L4": {"N": 18 * 3600 + 5 * 60, "W": 17 * 3600 + 38 * 60},
}

# Table 3: model -> test accuracy after pretraining epochs 1 to 8.
ACCURACY_BY_EPOCH = {
    "H128-L24-N": (0.7033, 0.7100, 0.6922, 0.6865, 0.7122, 0.6729, 0.7029, 0.7204),
    "H128-L24-W": (0.6982, 0.7060, 0.7148, 0.6738, 0.6963, 0.6975, 0.6897, 0.7126),
    "H1024-L4-N": (0.6386, 0.6811, 0.6765, 0.6822, 0.6811, 0.7041, 0.7043, 0.6941),
    "H1024-L4-W": (0.7236, 0.7107, 0.6816, 0.6685, 0.6992, 0.7002, 0.6753, 0.6692),
}
BEST_MODEL, BEST_EPOCH, BEST_ACCURACY = "H1024-L4-W", 1, 0.7236


def is_livedoor(labels: Iterable[str]) -> bool:
    """Tell whether these labels are the nine categories of the Livedoor news corpus."""
    return {_bare(label) for label in labels} == {_bare(name) for name in SPLIT}


def split_of(label: str) -> tuple[int, int, int]:
    """Return the paper's (train, valid, test) counts of a Livedoor category."""
    return next(counts for name, counts in SPLIT.items() if _bare(name) == _bare(label))


def _bare(label: str) -> str:
    return "".join(letter for letter in str(label).casefold() if letter.isalnum())
