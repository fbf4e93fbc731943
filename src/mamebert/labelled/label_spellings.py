"""Labels that are spelt in two ways, or spell that there is none: told, because nobody sees them in a table."""

from collections import Counter
from collections.abc import Mapping

from mamebert.corpus.readers import Row
from mamebert.progress import say
from mamebert.tasks import Task
from mamebert.tasks.data.cells import as_label, looks_like

NOTHING = {"nan", "na", "n/a", "<na>", "null", "none"}
"""What programs write for an empty cell; in a table of text they are words like others."""


class Spellings:
    """Hears the rows of a source that a task uses, and tells at the end what is odd about their labels."""

    def __init__(self, task: Task) -> None:
        self.column = str(getattr(task, "label_column", ""))
        self.num_mended = 0
        self.nothing = Counter[str]()

    def hear(self, row: Row) -> None:
        """Take one row."""
        label = row.get(self.column)
        if isinstance(label, str):
            self.num_mended += label != as_label(label)
            if label.strip().lower() in NOTHING:
                self.nothing[label.strip()] += 1

    def tell(self, counts: Mapping[str, int]) -> None:
        """Say on stderr what was found; `counts` has the right answers and how often each occurs."""
        if self.num_mended:
            say(
                f"{self.num_mended:,} labels have blanks around them or accents as separate characters (NFD), "
                "or blanks and invisible marks too many. They count as the same labels without."
            )
        alike: dict[str, list[str]] = {}
        for label in counts:
            alike.setdefault(looks_like(label), []).append(label)
        several = [each for each in alike.values() if len(each) > 1]
        if several:
            named = " and ".join(f"{label!r} ({counts[label]:,})" for label in several[0])
            more = f", and {len(several) - 1:,} more" if len(several) > 1 else ""
            say(
                f"Labels that differ by case or width alone, or as 1 and 1.0, are taken as different: {named}{more}. "
                "Spell them in one way if they mean the same."
            )
        for label, count in sorted(self.nothing.items()):
            say(
                f"{count:,} rows have the text {label!r} as their label, which is taken as a label like others. "
                "Empty the cells that mean no label."
            )
