"""What an encoder knows of the order of words, in a sentence."""

from pathlib import Path

from mamebert.reports.readings.run_json import as_written, run_around, runs_behind
from mamebert.reports.text.number_format import is_number
from mamebert.results.pretrain import PretrainResults

BAG_OF_WORDS = 0.3
"""Nats of order gain below which an encoder hardly knows order. Those that tag and parse well have far more."""


def order_gain_told(results: PretrainResults) -> str | None:
    """Return the figure."""
    return f"{results.order_gain:.3f}" if is_number(results.order_gain) else None


def is_bag_of_words(results: PretrainResults) -> bool:
    """Tell whether an encoder was measured and hardly knows the order of words."""
    gain = results.order_gain
    return gain is not None and is_number(gain) and gain < BAG_OF_WORDS


def encoders_behind(folder: Path) -> dict[str, PretrainResults]:
    """Return the pretraining that a model folder comes from, under the folder's name.

    None where its run is not there, or where several are behind it, as behind a comparison of encoders.
    """
    run = run_around(folder)
    behind = [run] if run and run.command == "pretrain" else runs_behind(run) if run else []
    found = [each for each in behind if each.command == "pretrain"]
    with as_written(each.folder for each in found):
        return {str(folder): PretrainResults.read(found[0].results)} if len(found) == 1 else {}


def bags_of_words_told(encoders: dict[str, PretrainResults]) -> str:
    """Return what is to be said of the encoders, by name, that hardly know the order of words; "" where none is one."""
    found = [f"{name} ({order_gain_told(results)})" for name, results in encoders.items() if is_bag_of_words(results)]
    if not found:
        return ""
    named, many = " and ".join(found), len(found) > 1
    return (
        f"{named} hardly {'know' if many else 'knows'} the order of words: shuffling them costs less than "
        f"{BAG_OF_WORDS} nats a masked word (order gain). A bag of words is fine for topics, not for tagging, parsing, "
        "comparing or answering; more text and longer training help."
    )
