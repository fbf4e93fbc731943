"""Draw what the benchmarks found: pretraining_speed.svg and loss_curves.svg in docs/images/.

python benchmarks/plot.py
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from mamebert.reports.plots.chart import Chart, Line
from mamebert.reports.text.render import to_svg

RESULTS, IMAGES = Path(__file__).parent / "results", Path(__file__).parents[1] / "docs/images"
WIDTH, NAMES, NUMBERS, BAR, GAP = 760, 300, 96, 20, 8


@dataclass(frozen=True)
class Bar:
    """One way to train, its tokens a second, and how many times the first bar's that is."""

    name: str
    rate: float
    times: float
    is_ours: bool = False


def panels(found: dict[str, Any]) -> Iterator[tuple[str, list[Bar]]]:
    """Yield the titles and bars of both pictures; the first bar of each is what the others are compared with."""
    main = found["shape"].split(",")[0]
    for title, kind, names in (
        (
            "Texts joined and cut to 128 tokens: no padding anywhere",
            "grouped",
            {
                "trainer_fp32": "Trainer, float32",
                "trainer_bf16": "Trainer, bfloat16 autocast",
                "trainer_fp32_modernbert_sparse": "Trainer, ModernBERT, masked tokens only",
            },
        ),
        (
            "Line by line",
            "lines",
            {
                "trainer_fp32": "Trainer, random order",
                "trainer_fp32_group_by_length": "Trainer, group_by_length",
                "trainer_bf16_group_by_length": "Trainer, group_by_length, bfloat16",
            },
        ),
    ):
        rows = found["rows"][kind][main]
        # Where the processor has no bfloat16, autocast is an emulation that nobody would choose.
        shown = {
            key: name for key, name in names.items() if key in rows and ("bf16" not in key or found["bf16_is_native"])
        }
        rates = {name: rows[key]["peer"]["tokens_per_second"] for key, name in shown.items()}
        first = next(iter(rates.values()))
        bars = [Bar(name, rate, rate / first) for name, rate in rates.items()]
        record = rows["trainer_fp32"]
        for key, name in (("ours_in_torch", "mamebert, torch alone"), ("ours", "mamebert")):
            if key in record:
                bars.append(Bar(name, record[key]["tokens_per_second"], record[f"{key}_against_peer"], is_ours=True))
        yield title, bars


def speed(found: dict[str, Any]) -> str:
    """Return the picture of the rates."""
    drawn, y = [], 78
    both = list(panels(found))
    longest = max(bar.rate for _, bars in both for bar in bars)
    for title, bars in both:
        drawn.append(f'<text class="panel" x="16" y="{y}">{escape(title)}</text>')
        y += 12
        for bar in bars:
            drawn += _bar(bar, longest, y)
            y += BAR + GAP
        y += 30
    told = (
        f"{found['shape']}; {found['processor']} ({found['vector_instructions']}), {found['threads']} threads, "
        f"ours in {found['our_precision']}"
    )
    style = files("mamebert.reports").joinpath("templates/plot.css").read_text("utf-8")
    size = f'viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} class="plot" role="img">
<title>Pretraining speed: {escape(_in_words(both))}</title>
<style>
{style}
.plot text.name {{ font-size: 19px; font-weight: 600; fill: var(--ink); }}
.plot text.panel {{ font-weight: 600; fill: var(--ink); }}
.plot text.key {{ fill: var(--ink); text-anchor: end; }}
.ours {{ fill: var(--c2); }} .theirs {{ fill: var(--soft); opacity: .55; }}
</style>
<rect width="100%" height="100%" style="fill: var(--paper)"/>
<text class="name" x="16" y="30">Pretraining a small BERT: tokens per processor-second</text>
<text x="16" y="50">{escape(told)}</text>
{chr(10).join(drawn)}
</svg>
"""


def _bar(bar: Bar, longest: float, y: int) -> list[str]:
    width = round((WIDTH - NAMES - NUMBERS - 16) * bar.rate / longest, 1)
    kind = "ours" if bar.is_ours else "theirs"
    told = f"{bar.rate:,.0f}" + ("" if bar.times == 1 else f"  ({bar.times:.1f} x)")
    return [
        f'<text class="key" x="{NAMES - 10}" y="{y + 15}">{escape(bar.name)}</text>',
        f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{width}" height="{BAR}" rx="3"/>',
        f'<text x="{NAMES + width + 8}" y="{y + 15}">{told}</text>',
    ]


def _in_words(both: Sequence[tuple[str, list[Bar]]]) -> str:
    return " ".join(
        f"{title}: " + ", ".join(f"{bar.name} {bar.rate:,.0f}" for bar in bars) + "." for title, bars in both
    )


def curves(found: dict[str, Any]) -> str:
    """Return the picture of the losses."""
    lines = [
        Line(name, list(enumerate(found[key], start=1)), colour=number)
        for number, (name, key) in enumerate((("transformers", "theirs"), ("mamebert", "ours")))
    ]
    told = f"Same weights, text and masks; largest relative difference {found['largest_relative_difference']:.1e}"
    chart = Chart("", "steps", "Loss of masked words, nats", lines, size=(WIDTH - 32, 340))
    title = f"{found['shape']}: the first {found['steps']} losses"
    return to_svg("loss.svg.jinja", title=title, told=told, charts=[chart], running=False)


def main() -> None:
    for name, result, draw in (
        ("pretraining_speed.svg", "pretraining.json", speed),
        ("loss_curves.svg", "curves.json", curves),
    ):
        if (RESULTS / result).is_file():
            drawn = draw(json.loads((RESULTS / result).read_text(encoding="utf-8")))
            (IMAGES / name).write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
