"""The cost of a pretraining, in the words of card and page; None for what was not measured."""

from mamebert.reports.text.number_format import GLUE, amount, is_number, megabytes, percent, three_digits
from mamebert.results.pretrain import PretrainResults


def speed(results: PretrainResults) -> str | None:
    """Return tokens a second over all steps; pauses between them (evaluations, say) are not in it."""
    tokens, seconds = results.tokens, results.training_seconds
    return amount(tokens / seconds) if tokens is not None and seconds and seconds > 0 else None


def share_of_peak(results: PretrainResults) -> str | None:
    """Return the MFU: matrix products computed, as a share of what the machine could compute in that time."""
    return percent(results.mfu) if is_number(results.mfu) else None


def peak_memory(results: PretrainResults) -> str | None:
    """Return the most memory held at once."""
    held = results.peak_memory_bytes
    return megabytes(held) if held is not None else None


def energy(results: PretrainResults) -> str | None:
    """Return watt-hours or kilowatt-hours."""
    used = results.energy.kilowatt_hours if results.energy else None
    if used is None or not is_number(used):
        return None
    return f"{three_digits(used)}{GLUE}kWh" if used >= 1 else f"{three_digits(used * 1000)}{GLUE}Wh"


def energy_told(results: PretrainResults) -> str | None:
    """Return the energy with what it is made of."""
    used, told = energy(results), results.energy
    return f"{used}, {told.watts}{GLUE}W ({told.source})" if used and told else None


def share_told(results: PretrainResults) -> str | None:
    """Return the MFU with the peak that it is a share of."""
    share, peak = share_of_peak(results), results.product_peak
    if not share or not peak or peak.flops is None:
        return share
    return f"{share} of {amount(peak.flops)}FLOP/s ({peak.source})"
