"""The outcome of compressing models, in sentences and headline numbers."""

from collections.abc import Sequence

from mamebert.reports.page.comparison import Arena
from mamebert.reports.page.methods_table import here, times
from mamebert.reports.readings.compressions import Compression
from mamebert.reports.text.blocks import Fact
from mamebert.reports.text.names import in_a_sentence, value_of
from mamebert.reports.text.number_format import GLUE, megabytes, percent, three_digits

ENOUGH = 0.97  # of the teacher's score: what DistilBERT keeps (Sanh et al., 2019)
ENOUGH_TOLD = f"{100 * ENOUGH:.0f}{GLUE}%"


def smaller_sentences(found: Sequence[Arena]) -> list[str]:
    """Return some sentences on each data set."""
    return [" ".join(_sentences(arena)) for arena in found]


def smaller_facts(found: Sequence[Arena]) -> list[Fact]:
    """Return the smallest and the fastest model that are good enough, of each data set."""
    facts = []
    for arena in found[:2]:
        of = f", {arena.title}" if len(found) > 1 else ""
        for title, best in (("Smallest", _smallest(arena)), ("Fastest", _fastest(arena))):
            if best and arena.lower_is_better is False:
                each, ratio = best
                words = ("smaller", "larger") if title == "Smallest" else ("faster", "slower")
                facts.append(
                    Fact(f"{title} that keeps {ENOUGH_TOLD}{of}", times(ratio, *words), _beside(arena, title, each))
                )
    return facts


def _beside(arena: Arena, title: str, each: Compression) -> str:
    """Return the name, and for a speed the two times it is the ratio of."""
    before, after = arena.teacher_milliseconds(each), each.result.main.p50 if each.result else None
    if title != "Fastest" or not before or not after:
        return each.name
    return f"{each.name}, {three_digits(after)} against {three_digits(before)}{GLUE}ms"


def _sentences(arena: Arena) -> list[str]:
    number = len(arena.compressions)
    told = [
        f"{teacher.name} ({in_a_sentence(arena.measure)} {value_of(arena.measure, *teacher.score, 3)}"
        + (f", {megabytes(teacher.main.num_bytes)})" if teacher.main.num_bytes else ")")
        for teacher in arena.teachers
        if teacher.score
    ]
    ways = f"{number} ways" if number > 1 else "one way"
    teachers = f"the teacher {told[0]} was" if len(told) == 1 else f"the teachers {' and '.join(told)} were"
    first = f"{arena.title}: {teachers if told else 'a teacher was'} made smaller in {ways}."
    return [first, *([_of_losses(arena)] if arena.lower_is_better else _of_scores(arena))]


def _of_losses(arena: Arena) -> str:
    best = min((each for each in arena.smaller if each.score), key=lambda each: each.score.mean if each.score else 0)
    above = arena.above_teacher(best)
    gap = f" ({above:+.3f})" if above is not None else ""
    return f"The lowest loss is that of {best.name}{gap}."


def _of_scores(arena: Arena) -> list[str]:
    good = enough(arena)
    if len(arena.compressions) == 1:
        return [f"{arena.compressions[0].name}: {here(arena, arena.compressions[0])}."]
    if not good:
        best = max(arena.smaller, key=lambda each: each.kept or 0)
        kept = f": most, {percent(best.kept)}, is kept by {best.name}" if best.kept else ""
        return [f"None keeps {ENOUGH_TOLD} of it{kept}."]
    parts = [
        f"{best[0].name} is the {word} ({times(best[1], *words)})"
        for word, words, best in (
            ("smallest", ("smaller", "larger"), _smallest(arena)),
            ("fastest", ("faster", "slower"), _fastest(arena)),
        )
        if best
    ]
    told = f"; of these, {' and '.join(parts)}" if parts else ""
    return [f"{len(good)} of {len(arena.smaller)} keep {ENOUGH_TOLD} of it{told}."]


def enough(arena: Arena) -> list[Compression]:
    """Return what is good enough beside its teacher."""
    return [each for each in arena.compressions if each.result and (each.result.kept or 0) >= ENOUGH]


def _smallest(arena: Arena) -> tuple[Compression, float] | None:
    """Return what takes fewest bytes against its teacher in its main form, and how many times fewer."""
    known = [(each, ratio) for each in enough(arena) if each.result and (ratio := each.times_smaller(each.result.main))]
    return max(known, key=lambda pair: pair[1], default=None)


def _fastest(arena: Arena) -> tuple[Compression, float] | None:
    known = [
        (each, ratio) for each in enough(arena) if each.result and (ratio := arena.times_faster(each, each.result.main))
    ]
    return max(known, key=lambda pair: pair[1], default=None)
