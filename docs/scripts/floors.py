"""Draw docs/images/floors.svg: the layers that import-linter enforces, read from pyproject.toml.

python docs/scripts/floors.py
"""

import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "floors.svg"
ABOUT = {
    "cli": "the command line",
    "language_recipes": "recipes for a language and a corpus",
    "publishing": "folders for the Hub, Spaces",
    "doctor": "what this machine has",
    "inspection": "labelled rows, before training",
    "server": "answers over HTTP, the page",
    "recipes": "pipelines in one TOML file",
    "stages": "the story: one file or folder per command",
    "labelled": "rows, splits, leaks, scores",
    "preflight": "checks before a stage begins",
    "serving": "models → answers",
    "reports": "numbers → pages, model cards",
    "compression": "smaller models: one file per method",
    "probes": "fill-mask, pseudo-perplexity",
    "tasks": "fine-tuning: one file per task",
    "objectives": "pretraining: one file per objective",
    "checkpoints": "folders that transformers opens",
    "training": "one loop for everything that learns",
    "encoder": "the network, packed attention",
    "word2vec": "vectors aligned with the vocabulary",
    "tokenizer": "WordPiece, Japanese words",
    "corpus": "readers, cleaning, shards",
    "evaluation": "metrics, baselines, cost",
    "runs": "a run folder and its record",
    "renewing": "runs whose inputs have grown",
    "results": "what each stage records",
    "kernels": "native CPU kernels",
    "children": "child processes",
    "config": "settings, declared once",
    "progress": "progress bars",
    "streams": "standard output",
    "extras": "packages that some commands need",
    "files": "checksums, locks, names, disk",
    "errors": "user errors in two sentences",
    "ranks": "which process this is",
}
WIDTH, HEIGHT, GAP, EDGE = 860, 46, 8, 16
FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif'
STYLE = f"""
  svg {{ --paper: #fdfdfb; --ink: #1c2321; --soft: #5b6663; --box: #e4ede6; --line: #9db5a5; }}
  svg {{ --story: #2c6e49; --on: #ffffff; }}
  @media (prefers-color-scheme: dark) {{
    svg {{ --paper: #141816; --ink: #e6e9e5; --soft: #a0aaa6; --box: #22302a; --line: #466152; --story: #3c8a5f; }}
  }}
  text {{ font-family: {FONTS}; text-anchor: middle; }}
  .name {{ font-size: 15px; font-weight: 600; fill: var(--ink); }}
  .about, .side {{ font-size: 12px; fill: var(--soft); }}
  .story .name, .story .about {{ fill: var(--on); }}
  rect.box {{ fill: var(--box); stroke: var(--line); }}
  .story rect.box {{ fill: var(--story); stroke: var(--story); }}
  .arrow {{ stroke: var(--soft); stroke-width: 1.5; fill: none; }}
"""


def floors() -> list[list[str]]:
    """Return the layers, highest first, each a list of names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip() for name in layer.replace(":", "|").split("|")] for layer in layers]


def draw() -> str:
    """Return the picture."""
    boxes, y = [], EDGE
    for names in floors():
        left = EDGE + 34
        width = (WIDTH - left - EDGE - GAP * (len(names) - 1)) / len(names)
        for number, name in enumerate(names):
            boxes.append(_box(name, left + number * (width + GAP), y, width))
        y += HEIGHT + GAP
    height = y - GAP + EDGE
    told = "The layers of mamebert, highest first: " + "; ".join(", ".join(names) for names in floors())
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">
<title>{escape(told)}</title>
<style>{STYLE}</style>
<rect width="100%" height="100%" style="fill: var(--paper)"/>
<path class="arrow" d="M{EDGE + 16} {EDGE + 4} V{height - EDGE - 8} m-5 -8 l5 9 l5 -9"/>
<text class="side" transform="translate({EDGE + 6} {height / 2}) rotate(-90)">imports go downward only</text>
{chr(10).join(boxes)}
</svg>
"""


def _box(name: str, x: float, y: float, width: float) -> str:
    middle = x + width / 2
    kind = ' class="story"' if name == "stages" else ""
    return (
        f'<g{kind}><rect class="box" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{HEIGHT}" rx="5"/>'
        f'<text class="name" x="{middle:.1f}" y="{y + 20}">{name}</text>'
        f'<text class="about" x="{middle:.1f}" y="{y + 37}">{escape(ABOUT[name])}</text></g>'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
