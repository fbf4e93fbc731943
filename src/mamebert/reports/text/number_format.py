"""Numbers as a reader likes them: 12,345; 12.3 M; 16h49m; 0.8123 ± 0.0101."""

from math import isfinite
from typing import Any

NOT_MEASURED = "–"
GLUE = "\u00a0"  # the space between a number and its unit, where no line may break


def count(value: Any) -> str:
    """Return a whole number with thousands marked: 12,345."""
    return f"{value:,.0f}" if is_number(value) else NOT_MEASURED


def amount(value: Any) -> str:
    """Return a number in three digits and a unit: 850, 12.3 k, 4.1 M, 1.17 G."""
    if not is_number(value):
        return NOT_MEASURED
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{three_digits(value / size)}{GLUE}{letter}"
    return three_digits(value)


def clock(seconds: Any) -> str:
    """Return seconds as the paper writes them, 16h49m, and shorter spans as 12m05s, 45s or 8.4s."""
    if not is_number(seconds):
        return NOT_MEASURED
    if round(seconds) < 60:
        return f"{seconds:.0f}s" if seconds >= 9.95 else f"{seconds:.1f}s"
    if round(seconds) < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}m{rest:02}s" if rest else f"{minutes}m"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}h{minutes:02}m"


def score(value: Any, spread: Any = None, digits: int = 4) -> str:
    """Return a share of 1, with its spread over seeds where there is one: 0.8123 ± 0.0101."""
    if not is_number(value):
        return NOT_MEASURED
    after = f"{GLUE}±{GLUE}{spread:.{digits}f}" if is_number(spread) else ""
    return f"{value:.{digits}f}{after}"


def percent(share: Any) -> str:
    """Return a share of 1 as a percentage of two or three digits: 6.4 %."""
    if not is_number(share):
        return NOT_MEASURED
    value = abs(share * 100)
    if 0 < value < 0.005:
        return f"< 0.01{GLUE}%"
    digits = 0 if value >= 99.95 or value == 0 else 1 if value >= 1 else 2
    return f"{share * 100:.{digits}f}{GLUE}%"


def megabytes(num_bytes: Any) -> str:
    """Return bytes in MB of a million: 49.2 MB."""
    return f"{three_digits(num_bytes / 1e6)}{GLUE}MB" if is_number(num_bytes) else NOT_MEASURED


def plain(name: str, value: Any) -> str:
    """Return a number in the unit that its name tells: `unk_rate` in %, `seconds` as time, `bytes` in MB."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not is_number(value):
        return NOT_MEASURED if value is None else str(value)
    first, last = name.lower().split("_")[0], name.lower().split("_")[-1]
    if "seconds" in (first, last):
        return clock(value)
    if last == "bytes":
        return megabytes(value)
    if last in {"rate", "share", "coverage"} and 0 <= value <= 1:
        return percent(value)
    return count(value) if value == int(value) and abs(value) < 1e15 else three_digits(value)


def words(name: str) -> str:
    """Return a key as words: `num_rows` -> `Rows`, `unk_rate` -> `Unknown (share)`."""
    text = f" {name.replace('_', ' ').strip()} "
    for short, long in (
        (" num ", " "),
        (" unk ", " unknown "),
        (" heldout ", " held-out "),
        (" rate ", " (share) "),
        (" seconds ", " time "),
    ):
        text = text.replace(short, long) if text != short else text
    return text.strip()[:1].upper() + text.strip()[1:]


def three_digits(value: float) -> str:
    """Return a number in three digits, more where it has more before its point, and never with an exponent between."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 0.001:
        return f"{value:.3g}"
    return f"{value:.1e}".replace("e-0", "e-")


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number (a bool is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
