"""Write the numbers of a recipe's runs, and no text of its corpus, to recipes/results/NAME.json.

python recipes/keep_results.py demo runs/demo
python recipes/keep_results.py livedoor_ja_h256_l4 runs/livedoor_ja runs/livedoor_ja/h256_l4
"""

import json
import os
import re
import sys
from pathlib import Path

# These hold sentences or words of the text that was read.
TEXT = {"samples", "segmentations", "longest_tokens", "neighbours", "fill_mask", "missing", "probe_words_unknown"}


def without_text(value: object) -> object:
    """Return results with everything that quotes the corpus left out."""
    if isinstance(value, dict):
        return {name: without_text(item) for name, item in value.items() if name not in TEXT}
    return [without_text(item) for item in value] if isinstance(value, list) else value


def main(name: str, *folders: str) -> None:
    records = [json.loads(path.read_text("utf-8")) for folder in folders for path in Path(folder).glob("*/run.json")]
    records = sorted((r for r in records if r["finished"]), key=lambda r: r["written"])
    kept = {
        "stages": [
            {key: without_text(record[key]) for key in ("command", "seconds", "settings", "results", "written")}
            for record in records
        ],
        "machine": records[-1]["machine"],
        "versions": records[-1]["versions"],
    }
    target = Path(__file__).parent / "results" / f"{name}.json"
    text = json.dumps(kept, ensure_ascii=False, indent=1) + "\n"
    if data := os.environ.get("MAMEBERT_DATA"):
        text = text.replace(data, "${MAMEBERT_DATA}")  # where the data lay is nobody's business
    text = re.sub(r'"[^"]*/mamebert/shipped/', '"', text)  # models that come with the package go by their names
    target.write_text(text, encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
