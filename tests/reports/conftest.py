# ruff: noqa: E501
"""Invented runs: folders that look like those of finished stages."""

import json
from math import exp

import pytest

LIVEDOOR = (
    "dokujo-tsushin",
    "it-life-hack",
    "kaden-channel",
    "livedoor-homme",
    "movie-enter",
    "peachy",
    "smax",
    "sports-watch",
    "topic-news",
)
MACHINE = {"system": "Linux-6.1", "processor": "Invented Processor 3000", "cores": 2}
VERSIONS = {"python": "3.11.9", "mamebert": "0.1.0", "torch": "2.13.0"}


def write_run(folder, command, results, settings=None, metrics=(), seconds=12.5, inputs=None):
    folder.mkdir(parents=True)
    record = {
        "command": command, "id": f"id of {folder.name}", "finished": True, "seconds": seconds, "settings": settings or {},
        "inputs": {n: {"path": str(p), "id": f"id of {p.name}"} for n, p in (inputs or {}).items()},
        "sources": [], "results": results, "written": "2026-03-04T05:06:07+00:00", "versions": VERSIONS, "machine": MACHINE,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics), encoding="utf-8")
    return folder


def pretraining(name, seconds=(3700.0, 3690.0, 3710.0), frozen=0, loss=3.0):
    lines = []
    for step in range(1, 601):
        place = {"step": step, "epoch": 1 + step // 201, "tokens": step * 8192, "seconds": step * sum(seconds) / 600}
        now = loss + 7 * exp(-step / 90) + 0.3 * ((step * 7919) % 13 - 6) / 6
        if step % 5 == 0:
            lines.append({**place, "lr": 1e-4, "loss": now + 0.6, "mlm_loss": now, "nsp_loss": 0.6})
        if step % 50 == 0:
            lines.append(
                {
                    **place,
                    "heldout_mlm_loss": loss + 0.1 + 7 * exp(-step / 90),
                    "heldout_mlm_accuracy": 0.4,
                    "heldout_nsp_accuracy": 0.8,
                }
            )
    epochs = [
        {"epoch": i + 1, "seconds": s, "cpu_seconds": s * 1.9, "extrapolated": False, "tokens": 1_638_400, "tokens_per_second": round(1_638_400 / s),
         "train_loss": loss + 1 - i / 3, "heldout_mlm_loss": loss + 0.9 - i / 3, "heldout_mlm_accuracy": 0.36 + i / 50, "heldout_nsp_accuracy": 0.81}
        for i, s in enumerate(seconds)
    ]  # fmt: skip
    results = {
        "name": name,
        "parameters": {"total": 12_345_678, "trainable": 12_345_678 - frozen, "frozen": frozen},
        "model_bytes": 49_400_000, "device": "cpu", "precision": "float32", "threads": 2, "epochs": epochs,
        "embeddings_unchanged": True if frozen else None, "verified": {"largest_difference": 4.8e-7},
        "fill_mask": [
            {"text": "豆を[MASK]のは楽しい。", "candidates": [["煮る", 0.31], ["食べる", 0.22], ["数える", 0.08], ["植える", 0.05], ["見る", 0.02]]},
            {"text": "駅まで[MASK]で十分かかる。", "candidates": [["徒歩", 0.52], ["バス", 0.2], ["車", 0.11], ["電車", 0.04], ["自転車", 0.03]]},
        ],
    }  # fmt: skip
    settings = {
        "encoder": {"hidden_size": 256, "num_hidden_layers": 4},
        "embeddings": {"vectors": "vectors" if frozen else None},
    }
    return {
        "command": "pretrain",
        "results": results,
        "settings": settings,
        "metrics": lines,
        "seconds": sum(seconds) + 40,
    }


def seeds(*accuracies):
    return [
        {"seed": i, "scores": {"accuracy": a, "macro_f1": a - 0.01}, "tests": {}, "best_epoch": 7, "valid_by_epoch": [a], "seconds": 210.0}
        for i, a in enumerate(accuracies)
    ]  # fmt: skip


def finetuning(labels=LIVEDOOR, n=(0.802, 0.811, 0.820), w=(0.818, 0.826, 0.834), epochs=3):
    part = lambda size: {label: size + i for i, label in enumerate(labels)}  # noqa: E731
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    spread = lambda values: (sum((v - mean(values)) ** 2 for v in values) / max(1, len(values) - 1)) ** 0.5  # noqa: E731
    models = []
    for name, values in (("N", n), ("W", w)):
        for epoch in (*range(1, epochs), None):
            now = [v - 0.02 * (epochs - epoch) for v in values] if epoch else list(values)
            scores = {
                "accuracy": {"mean": mean(now), "spread": spread(now)},
                "macro_f1": {"mean": mean(now) - 0.01, "spread": spread(now)},
            }
            models.append({"name": name, "path": f"runs/{name}", "epoch": epoch, "random_weights": False, "seen_test_text": False,
                           "seeds": seeds(*now), "scores": scores, "tests": {}, "truncated_share": 0.83})  # fmt: skip
    results = {
        "task": "classification", "labels": list(labels), "columns": ["title", "body"],
        "split": {"train": part(80), "valid": part(81), "test": part(650)}, "measure": "accuracy", "models": models,
        "rows": {"train": sum(part(80).values()), "valid": sum(part(81).values()), "test": sum(part(650).values())},
        "baselines": [
            {"name": "TF-IDF + linear SVM", "scores": {"accuracy": 0.924, "macro_f1": 0.919}, "seconds": 14.2, "seen_test_text": False},
            {"name": "mean of word2vec vectors + linear SVM", "scores": {"accuracy": 0.761, "macro_f1": 0.75}, "seconds": 3.1, "seen_test_text": True},
        ],
        "comparisons": [{"a": "W", "b": "N", "difference": 0.015, "interval": [-0.01, 0.04], "p": 0.21}], "unusable_rows": {"source": {"no text": 2}},
    }  # fmt: skip
    return {"command": "finetune", "results": results, "seconds": 2100.0}


def form(name="plain", place=".", size=5_800_000, p50=4.0, score=None, opens_with="", **more):
    return {
        "name": name, "place": place, "opens_with": opens_with or "transformers BertForSequenceClassification", "bytes": size,
        "latency_ms": {"p50": p50, "p95": p50 * 1.7}, "texts_per_second": 1400 / p50, "batch_size": 32, "threads": 1,
        "peak_memory_bytes": 400_000_000 + 3 * size, "own_memory_bytes": 3 * size, "largest_difference": 2.4e-7,
        "scores": {"accuracy": score}, **more,
    }  # fmt: skip


HEADLINES = {
    "distil": ("Sanh et al., 2019", "40 % smaller, 60 % faster, 97 % of GLUE kept"),
    "drop_layers": ("Sajjad et al., 2020", "a third of the layers dropped, 98 % kept"),
    "q8bert": ("Zafrir et al., 2019", "4x smaller at 99 % of accuracy"),
}


def compression(
    chain, scores=(0.80, 0.82, 0.84), forms=None, parameters=1_450_000, p=0.01, teacher="bean", test=400, **more
):
    teacher_score, mean = 0.84, sum(scores) / len(scores)
    name = "+".join(chain)
    deviation = (sum((s - mean) ** 2 for s in scores) / max(1, len(scores) - 1)) ** 0.5
    results = {
        "task": "classification", "labels": ["bad", "good"], "measure": "accuracy", "rows": {"train": 600, "valid": 400, "test": test},
        "chain": [
            {"kind": kind, "settings": {"num_layers": 2}, "paper": dict(zip(("source", "headline"), HEADLINES[kind], strict=True))}
            for kind in chain
        ],
        "teacher": {"name": teacher, "path": f"runs/{teacher}/models/{teacher}", "scores": {"accuracy": teacher_score},
                    "parameters": 5_808_386, "flops": 210_000_000, "forms": [form(size=23_200_000, p50=8.0, score=teacher_score)]},
        "models": [{
            "name": name, "scores": {"accuracy": {"mean": mean, "spread": deviation}}, "tests": {},
            "seeds": [{"seed": i, "scores": {"accuracy": s}, "valid": s, "notes": [{"kept": [0, 2]}] * len(chain), "seconds": 12.0}
                      for i, s in enumerate(scores, 1)],
            "best_seed": 1, "parameters": parameters, "flops": 55_000_000, "kept": mean / teacher_score,
            "forms": forms or [form(score=scores[0])]}],
        "comparisons": [{"a": name, "b": teacher, "difference": mean - teacher_score, "interval": [-0.03, 0.01], "p": p}],
        "verified": {"largest_difference": 2.4e-7, "folders": 1},
    }  # fmt: skip
    return {"command": "compress", "results": results | more, "settings": {"name": name}}


@pytest.fixture
def runs(tmp_path):
    """A whole story: folders of every stage by name, of a Livedoor run."""
    here = tmp_path / "runs"
    clean = {
        "read": {"documents": 5210, "sentences": 81_234, "characters": 3_456_789},
        "kept": {"documents": 5001, "sentences": 80_011, "characters": 3_399_001},
        "dropped": {"documents_duplicate": 120, "documents_empty": 89}, "samples": ["畑に豆をまいた。雨が降り、芽が出た。", "<b>山</b> & 川の話。"],
    }  # fmt: skip
    vocab = {"size": 32_000, "quality": {"unk_rate": 0.0003, "pieces_per_word": 1.21},
             "segmentations": [{"text": "豆腐屋の朝は早い。", "tokens": ["豆腐", "##屋", "の", "朝", "は", "早い", "。"]}]}  # fmt: skip
    tokens = {"train": {"tokens": 1_638_400, "sentences": 78_000, "documents": 4900}, "heldout": {"tokens": 41_000, "sentences": 2011, "documents": 101}, "unk_rate": 0.0004}  # fmt: skip
    vectors = {
        "coverage": {"num_rows": 32_000, "num_rows_learnt": 31_400, "rows_learnt_rate": 0.981, "missing": ["[PAD]"]}, "learning_seconds": 61.5,
        "neighbours": {"豆": [["麦", 0.81], ["米", 0.78], ["芋", 0.71]], "駅": [["停留所", 0.69], ["空港", 0.66]], "朝": [["夜", 0.83], ["昼", 0.77]]},
    }  # fmt: skip
    found = {"clean": write_run(here / "clean", "clean", clean, {"language": "ja"})}
    found["vocab"] = write_run(here / "vocab", "vocab", vocab, inputs={"documents": found["clean"]})
    found["tokenize"] = write_run(here / "shards", "tokenize", tokens, inputs={"tokenizer": found["vocab"]})
    found["vectors"] = write_run(here / "vectors", "vectors", vectors, inputs={"shards": found["tokenize"]}, seconds=66)
    shards = {"shards": found["tokenize"]}
    found["N"] = write_run(here / "N", inputs=shards, **pretraining("H256-L4-N"))
    found["W"] = write_run(
        here / "W",
        inputs={**shards, "embeddings.vectors": found["vectors"]},
        **pretraining("H256-L4-W", (3500.0, 3490.0, 3510.0), 8_192_000, 2.9),
    )
    found["finetune"] = write_run(
        here / "livedoor", inputs={"models.0.path": found["N"], "models.1.path": found["W"]}, **finetuning()
    )
    return found


@pytest.fixture
def make():
    """The makers of runs, for tests that need another one."""
    return {"write_run": write_run, "pretraining": pretraining, "finetuning": finetuning, "seeds": seeds,
            "compression": compression, "form": form}  # fmt: skip
