"""The cost of an epoch, N against W; beside it Table 2 of the paper."""

from statistics import mean

from mamebert.reports.page.story import Story
from mamebert.reports.readings.cost import energy, peak_memory, share_of_peak
from mamebert.reports.readings.paper_tables import SECONDS_PER_EPOCH
from mamebert.reports.readings.pretrainings import Pretrained
from mamebert.reports.readings.run_json import finite
from mamebert.reports.text.blocks import Cell, Section, Table, cells, drop_empty_columns
from mamebert.reports.text.number_format import amount, clock, percent


def tell(story: Story) -> list[Section]:
    """Return the section on time per epoch."""
    timed = [m for m in story.pretrained if m.seconds_per_epoch]
    if not timed:
        return []
    tables = [_by_shape(story)] if story.pairs else []
    return [Section("time", "Time per epoch", [*tables, _by_model(timed, story)])]


def _by_shape(story: Story) -> Table:
    rows = [_pair(n, w) for n, w in story.pairs]
    if story.beside_paper:
        for shape, each in SECONDS_PER_EPOCH.items():
            saved = f"{clock(each['N'] - each['W'])} ({percent(1 - each['W'] / each['N'])})"
            rows.append(cells(shape, "paper, Table 2", clock(each["N"]), clock(each["W"]), saved, quiet=True))
    else:
        rows = [[row[0], *row[2:]] for row in rows]
    header = ["Shape", *(["Source"] if story.beside_paper else []), "N", "W", "W saves"]
    return Table("Time per epoch, N against W", header, rows, num_text_columns=2 if story.beside_paper else 1)


def _pair(n: Pretrained, w: Pretrained) -> list[Cell]:
    by_n, by_w = n.seconds_per_epoch, w.seconds_per_epoch
    saved = (
        f"{clock(by_n - by_w) if by_n >= by_w else '−' + clock(by_w - by_n)} ({percent(1 - by_w / by_n)})"
        if by_n and by_w
        else None
    )
    return cells(n.shape, "this run", _time(n), _time(w), saved)


def _time(model: Pretrained) -> str:
    spread = f" ± {clock(model.seconds_spread)}" if model.seconds_spread else ""
    return f"{'≈ ' if model.extrapolated else ''}{clock(model.seconds_per_epoch)}{spread}"


def _by_model(timed: list[Pretrained], story: Story) -> Table:
    header = [
        "Model",
        "Time per epoch",
        "Processor time per epoch",
        "Tokens per second",
        "MFU",
        "Peak memory",
        "Energy",
        "Whole epochs",
        "Pretraining in all",
        "Ran on",
    ]
    rows = []
    for model in timed:
        reckoned = model.epochs if model.extrapolated else model.whole_epochs
        cpu = finite(epoch.cpu_seconds for epoch in reckoned)
        speed = finite(epoch.tokens_per_second for epoch in model.epochs)
        rows.append(
            cells(
                model.name,
                _time(model),
                clock(mean(cpu)) if cpu else None,
                amount(mean(speed)) if speed else None,
                share_of_peak(model.results),
                peak_memory(model.results),
                energy(model.results),
                str(len(model.whole_epochs)) if model.epochs else None,
                clock(model.run.seconds) if model.run.seconds else None,
                _device(model),
            )
        )
    return Table("Time and speed of each model", *drop_empty_columns(header, rows), notes=_notes(timed, story))


def _device(model: Pretrained) -> str | None:
    threads = model.results.threads
    told = (
        model.results.device,
        model.results.precision,
        f"{threads} thread{'s' if threads != 1 else ''}" if threads else None,
    )
    return ", ".join(part for part in told if part) or None


def _notes(timed: list[Pretrained], story: Story) -> list[str]:
    notes = []
    if any(m.extrapolated for m in timed):
        notes.append(
            "≈ The training stopped inside an epoch; the time of a whole one is reckoned from the part that was run."
        )
    if any(m.seconds_spread for m in timed):
        notes.append("± is the standard deviation over the epochs.")
    if any(share_of_peak(m.results) for m in timed):
        notes.append("MFU: matrix products that were needed, as a share of what the machine could do in that time.")
    sources = dict.fromkeys(m.results.energy.source for m in timed if m.results.energy and energy(m.results))
    notes += [f"Energy of the training steps: {source}." for source in sources]
    making = [run.seconds for run in story.of("vectors") if run.seconds]
    if making and any(m.side == "W" for m in timed):
        notes.append(
            f"W needs its word2vec table first: {clock(sum(making))}, once, not counted in the time per epoch."
        )
    if story.beside_paper:
        notes.append(
            "The paper's hours are of its own hardware and 1.17 billion characters per epoch: compare the savings."
        )
    return notes
