"""The cost of a pretraining, in the words of card and page; None for what was not measured."""

from typing import Any

from mamebert.reports.readings.run_json import value_at
from mamebert.reports.text.number_format import GLUE, amount, is_number, megabytes, percent, three_digits


def speed(results: dict[str, Any]) -> str | None:
    """Return tokens a second over all steps; pauses between them (evaluations, say) are not in it."""
    tokens, seconds = value_at(results, "tokens"), value_at(results, "training_seconds")
    return amount(tokens / seconds) if is_number(tokens) and is_number(seconds) and seconds > 0 else None


def share_of_peak(results: dict[str, Any]) -> str | None:
    """Return the MFU: matrix products computed, as a share of what the machine could compute in that time."""
    share = value_at(results, "mfu")
    return percent(share) if is_number(share) else None


def peak_memory(results: dict[str, Any]) -> str | None:
    """Return the most memory held at once."""
    held = value_at(results, "peak_memory_bytes")
    return megabytes(held) if is_number(held) else None


def energy(results: dict[str, Any]) -> str | None:
    """Return watt-hours or kilowatt-hours."""
    used = value_at(results, "energy.kilowatt_hours")
    if not is_number(used):
        return None
    return f"{three_digits(used)}{GLUE}kWh" if used >= 1 else f"{three_digits(used * 1000)}{GLUE}Wh"


def energy_told(results: dict[str, Any]) -> str | None:
    """Return the energy with what it is made of."""
    used = energy(results)
    return (
        f"{used}, {value_at(results, 'energy.watts')}{GLUE}W ({value_at(results, 'energy.source')})" if used else None
    )


def share_told(results: dict[str, Any]) -> str | None:
    """Return the MFU with the peak that it is a share of."""
    share, peak = share_of_peak(results), value_at(results, "product_peak.flops")
    if not share or not is_number(peak):
        return share
    return f"{share} of {amount(peak)}FLOP/s ({value_at(results, 'product_peak.source')})"
