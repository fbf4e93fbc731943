"""What a pretraining cost, in the words of the card and of the page; None for what was not measured."""

from typing import Any

from mamebert.reports.numbers import GLUE, amount, is_number, megabytes, percent, three_digits
from mamebert.reports.records import dig


def speed(results: dict[str, Any]) -> str | None:
    """Return tokens a second over all steps; pauses between them (evaluations, say) are not in it."""
    tokens, seconds = dig(results, "tokens"), dig(results, "training_seconds")
    return amount(tokens / seconds) if is_number(tokens) and is_number(seconds) and seconds > 0 else None


def share_of_peak(results: dict[str, Any]) -> str | None:
    """Return the MFU: matrix products computed, as a share of what the machine could compute in that time."""
    share = dig(results, "mfu")
    return percent(share) if is_number(share) else None


def peak_memory(results: dict[str, Any]) -> str | None:
    """Return the most memory held at once."""
    held = dig(results, "peak_memory_bytes")
    return megabytes(held) if is_number(held) else None


def energy(results: dict[str, Any]) -> str | None:
    """Return watt-hours or kilowatt-hours."""
    used = dig(results, "energy.kilowatt_hours")
    if not is_number(used):
        return None
    return f"{three_digits(used)}{GLUE}kWh" if used >= 1 else f"{three_digits(used * 1000)}{GLUE}Wh"


def energy_told(results: dict[str, Any]) -> str | None:
    """Return the energy with what it is made of."""
    used = energy(results)
    return f"{used}, {dig(results, 'energy.watts')}{GLUE}W ({dig(results, 'energy.source')})" if used else None


def share_told(results: dict[str, Any]) -> str | None:
    """Return the MFU with the peak that it is a share of."""
    share, peak = share_of_peak(results), dig(results, "product_peak.flops")
    if not share or not is_number(peak):
        return share
    return f"{share} of {amount(peak)}FLOP/s ({dig(results, 'product_peak.source')})"
