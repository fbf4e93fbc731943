"""Random settings of every stage: a dry run ends with 0, or with 2 and a sentence; never otherwise, and soon."""

import json
import os
import random
import traceback
from collections import Counter
from pathlib import Path
from time import monotonic
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest

from mamebert import stages
from mamebert.config import Choice, Config
from mamebert.config.groups import group_in

NUMBERS: list[Any] = [0, 1, -1, 2, 3, 7, 8, 64, 100, 0.0, 0.1, 0.5, 0.999, 1.0, 1.5, -0.1, 1e-9, 1e9, 1e308]
TEXTS = [
    "text",
    "label",
    "",
    "cpu",
    "auto",
    "a",
    "[MASK] boat",
    "en",
    "ja",
    "utf-8",
    "latin-1",
    "x.y",
    "~/x",
    "@x",
    "豆",
]
NUMBERS += [2**31, 2**32, 2**63, 2**64, 10**18, 10**30, -(2**63)]
ODD: list[Any] = [
    *(
        "",
        " ",
        "auto",
        "cpu",
        "cuda",
        "cuda:9",
        "meta",
        "cpu:99999999999",
        "a" * 300,
        "a/" * 2000,
        "../../x",
        "/dev/zero",
        ".",
    ),
    *("~", "[MASK]", "[MASK] and [MASK]", "x\0y", "\ud800", "\udcff", "豆", "{", "[", "nan", "inf", "@x", "${HOME}"),
    *("%s%n", "*", "**/*", "[ab", "text", "label", True, False, None, [], {}, [[]], [None], {"": {}}, [1, "a"]),
    *(float("nan"), float("inf"), -float("inf")),
    *({"kind": "files"}, {"kind": 3}, {"kind": "none"}, {"low": 1, "high": 0}),
]
SECONDS = 20


class Leaf(NamedTuple):
    """A setting, and the kinds that have to be chosen for it to be one."""

    path: str
    kind: Any
    """Its type."""
    bounds: tuple[float, ...]
    chosen: dict[str, str]


def leaves(kind: type[Config], path: str = "", chosen: dict[str, str] | None = None, depth: int = 0) -> list[Leaf]:
    """Return all settings; of a choice, those of each of its kinds."""
    found: list[Leaf] = []
    for name, field in kind.model_fields.items():
        inner, place, chosen = group_in(field.annotation), f"{path}{name}", chosen or {}
        marks = [getattr(m, n) for m in field.metadata for n in ("gt", "ge", "lt", "le") if hasattr(m, n)]
        found.append(Leaf(place, field.annotation, tuple(marks), chosen))
        if not inner or depth > 2 or place == "tests":
            continue
        if not (issubclass(inner, Choice) and inner is inner.family):
            found += leaves(inner, f"{place}.", chosen, depth + 1)
            continue
        found.append(Leaf(f"{place}.kind", Literal[tuple(inner.names())], (), chosen))
        for each in inner.names():
            found += leaves(inner.find(each), f"{place}.", {**chosen, f"{place}.kind": each}, depth + 1)
    return found


def suiting(kind: Any, bounds: tuple[float, ...], rng: random.Random) -> Any:
    """Return a value of a type, as a rule within its bounds."""
    if get_origin(kind) is Literal:
        return rng.choice(get_args(kind))
    if get_origin(kind) is list:
        return [suiting(get_args(kind)[0], bounds, rng) for _ in range(rng.choice([0, 1, 1, 2, 4]))]
    if get_origin(kind) is dict:
        return {rng.choice(TEXTS): suiting(get_args(kind)[1], bounds, rng) for _ in range(rng.choice([0, 1, 2]))}
    if get_args(kind):  # one of several, or with marks
        return suiting(rng.choice(get_args(kind)[:1] if "Annotated" in str(kind) else get_args(kind)), bounds, rng)
    if kind is bool:
        return rng.random() < 0.5
    if kind is int:
        return rng.choice(
            [0, 1, 2, 3, 8, 16, 32, 64, rng.randint(0, 1000), *(int(b) + d for b in bounds for d in (0, 1))]
        )
    if kind is float:
        return rng.choice(
            [0.0, 0.1, 0.5, 1.0, rng.random(), 1e-9, 1e6, *(b + d for b in bounds for d in (0, 1e-9, -1e-9))]
        )
    if isinstance(kind, type) and issubclass(kind, str | Path):
        return rng.choice(TEXTS)
    return None if kind is NoneType else rng.choice(ODD)


def value_for(leaf: Leaf, rng: random.Random) -> Any:
    """Return a value that suits, or is too large, or is something else."""
    pool = rng.choices(["suiting", "number", "odd"], weights=[16, 2, 2])[0]
    return suiting(leaf.kind, leaf.bounds, rng) if pool == "suiting" else rng.choice(ODD if pool == "odd" else NUMBERS)


def laid(settings: dict[str, Any], path: str, value: Any) -> None:
    *tables, last = path.split(".")
    place: Any = settings
    for name in tables:
        if not isinstance(place.get(name), dict):
            place[name] = {"path": "rows.jsonl"} if name in ("train", "valid", "test") else {}
        place = place[name]
    place[last] = value


@pytest.fixture
def base(world, encoders, classifiers):
    """What each stage needs, all of it there."""
    rows = {"kind": "files", "path": str(world / "rows.jsonl")}
    model = str(classifiers / "models" / "N")
    return {
        "clean": {"sources": {"kind": "files", "path": str(world / "text.txt")}},
        "select": {"corpus": str(world / "clean"), "source": rows},
        "vocab": {"corpus": str(world / "clean")},
        "tokenize": {"corpus": str(world / "clean"), "tokenizer": str(world / "vocab")},
        "vectors": {"shards": str(world / "tokens")},
        "contrast": {"shards": str(world / "tokens"), "vectors": str(world / "vectors"), "tokens": 2000},
        "pretrain": {
            "shards": str(world / "tokens"),
            "training": {"steps": 3, "batch_tokens": 256},
            "encoder": {"hidden_size": 16, "num_hidden_layers": 1},
        },
        "finetune": {"model": str(encoders("N")), "source": rows, "task": {"max_length": 32}},
        "report": {"runs": [str(world / "clean")]},
        "evaluate": {"model": model, "source": rows},
        "probe": {
            "model": str(encoders("N")),
            "probe": {"kind": "minimal_pairs", "pairs": {"kind": "files", "path": str(world / "pairs.jsonl")}},
        },
        "compress": {"model": model, "method": {"kind": "drop_layers", "drop": 1}},
    }


def drawn(command: str, base: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    settings = json.loads(json.dumps(base))
    known = leaves(stages.find(command)[0])
    for _ in range(rng.choice([1, 1, 2, 3, 5])):
        group = rng.choice(sorted({leaf.path.partition(".")[0] for leaf in known}))
        leaf = rng.choice([leaf for leaf in known if leaf.path.partition(".")[0] == group])
        if leaf.path != "output" or rng.random() < 0.3:
            for path, kind in leaf.chosen.items():
                laid(settings, path, kind)
            laid(settings, leaf.path, value_for(leaf, rng))
    return settings


def wrong_with(mamebert: Any, command: str, file: Path) -> tuple[int, str]:
    """Return the exit code of a dry run, and what it must not do and did; "" where all is well."""
    started = monotonic()
    try:
        code, out, err = mamebert(command, file, "--dry-run")
    except Exception as error:
        return 1, "".join(traceback.format_exception(error)[-3:])
    if monotonic() - started > SECONDS:
        return code, f"{monotonic() - started:.0f} s"
    if code not in (0, 2) or "Traceback" in err + out or (code == 2 and "mamebert: " not in err):
        return code, err
    return code, ""


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("command", stages.names())
def test_random_settings_are_taken_or_refused(command, base, world, mamebert, tmp_path, monkeypatch):
    number = int(os.environ.get("MAMEBERT_RANDOM_SETTINGS", "2000"))
    monkeypatch.chdir(world)
    rng = random.Random(f"{command} {os.environ.get('MAMEBERT_RANDOM_SEED', '0')}")
    file, codes, wrong = tmp_path / "settings.json", Counter[int](), []
    for _ in range(number):
        settings = {"output": str(tmp_path / "out"), **drawn(command, base[command], rng)}
        file.write_text(json.dumps(settings))
        code, fault = wrong_with(mamebert, command, file)
        codes[code] += 1
        if fault:
            wrong.append(f"{settings}\n{fault}")
    assert not wrong, f"{len(wrong)} of {number}:\n" + "\n".join(wrong[:20])
    assert min(codes[0], codes[2]) > number / 20, codes
    assert [each.name for each in tmp_path.iterdir()] == ["settings.json"]
