"""Whether a model folder is still the one that was opened, told without reading it."""

from pathlib import Path

MOST_FILES = 1000
PARTS = (".json", ".safetensors", ".txt", ".onnx", ".model")
"""How the files of a model end. A run has others, which grow while it trains."""
RECORDS = ("run.json", "env.json")
DEPTH = 3
"""A run holds models/NAME, and that the folders of `sentence-transformers`."""


def state_of(folder: Path) -> str:
    """Return a text that is another one when any file is: its name, size, date or place on disk. "" without files."""
    told: list[str] = []
    _look(folder, DEPTH, told)
    return "\n".join(told)


def _look(folder: Path, depth: int, told: list[str]) -> None:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            about = entry.stat()
        except OSError:
            continue
        if entry.is_dir():
            if depth:
                _look(entry, depth - 1, told)
        elif entry.suffix in PARTS and entry.name not in RECORDS and len(told) < MOST_FILES:
            told.append(f"{entry} {about.st_ino} {about.st_size} {about.st_mtime_ns}")
