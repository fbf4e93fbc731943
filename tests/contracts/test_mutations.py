"""Damaged files: every mutant of what we write is either answered as before or refused with one sentence."""

import json
import os
import random
import re
import shutil
import signal
import traceback
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from mamebert.errors import UserError
from mamebert.files.checksums import SUMS, seal

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]
NUM_MUTANTS = 2000
NUM_HOSTILE = 500
SECONDS = 20
MOST_BYTES = 10**9
TEXTS = ["The old bean holds the leaf.", "A wet gull meets the rope."]


def ask_task(folder):
    from mamebert.serving.load import load

    return load(folder, "task")(TEXTS)


def ask_words(folder):
    from mamebert.serving.load import load

    return load(folder, "fill-mask")(["The old [MASK] holds the boat ."])


def ask_vectors(folder):
    from mamebert.word2vec.table import VectorTable

    table = VectorTable.open(folder)
    return [table.tokens, float(np.abs(table.vectors).sum()), table.counts.tolist(), table.learnt.tolist()]


def ask_documents(folder):
    from mamebert.corpus.documents import document_shards, read_shard

    return [document for shard in document_shards(folder) for document in read_shard(shard)]


def ask_shards(folder):
    from mamebert.corpus.token_shards import TokenShards
    from mamebert.tokenizer.encoding import Tokenizer

    found = [TokenShards.open(folder, part) for part in ("train", "heldout")]
    tokenizer = Tokenizer.open(found[0].tokenizer_folder)
    ids = [tokenizer.encode(text).ids.tolist() for text in TEXTS]
    return [ids, *([each.vocab_size, each.tokens(0, each.num_tokens).tolist()] for each in found)]


def ask_static(folder):
    from mamebert.serving.load import load

    return load(folder)(["The old boat meets the rope ."])


def static_model(world, place):
    from mamebert.checkpoints.static_embedding import save_static
    from mamebert.word2vec.document_vectors import weighted_rows
    from mamebert.word2vec.table import VectorTable

    save_static(weighted_rows(VectorTable.open(world / "vectors")), world / "tokens" / "tokenizer", place / "static")
    return place / "static"


def ask_record(folder):
    from mamebert.runs import Run, identity

    identity(folder)
    return vars(Run.open(folder)) | {"final": "", "_started": 0}


@pytest.fixture(scope="module")
def kinds(world, encoders, classifiers, tmp_path_factory):
    """Return for each kind of folder where it lies, and what asks it."""
    place = tmp_path_factory.mktemp("kinds")
    found = {
        "task": (classifiers / "models" / "N", ask_task),
        "encoder": (encoders("N") / "model", ask_words),
        "vectors": (world / "vectors", ask_vectors),
        "static": (static_model(world, place), ask_static),
        "documents": (world / "clean", ask_documents),
        "shards": (world / "tokens", ask_shards),
    }
    (place / "run").mkdir()
    shutil.copy(world / "clean" / "run.json", place / "run")
    found["run"] = (place / "run", ask_record)
    if find_spec("onnxruntime") and find_spec("onnx"):
        from mamebert.compression.methods import Compressor
        from mamebert.compression.opening import open_subject

        Compressor.find("dynamic_int8")().save(open_subject(found["task"][0]), place / "graph")
        seal(place / "graph")
        found["graph"] = (place / "graph", ask_task)
    return found


def mutate_bytes(raw, rng):
    place, size = rng.randrange(max(1, len(raw))), rng.choice([1, 1, 4, 64])
    match rng.randrange(5):
        case 0:
            return raw[:place]
        case 1:
            return raw[:place] + rng.randbytes(size) + raw[place:]
        case 2:
            return raw[:place] + raw[place + size :]
        case 3:
            return raw[:place] + rng.randbytes(size) + raw[place + size :]
        case _:
            return raw[:place] + bytes([(raw[place] if raw else 0) ^ (1 << rng.randrange(8))]) + raw[place + 1 :]


def mutate_json(raw, rng):
    value = json.loads(raw)
    places, waiting = [], [value]
    while waiting:
        each = waiting.pop()
        items = each.items() if isinstance(each, dict) else enumerate(each)
        for key, inside in items:
            places.append((each, key))
            waiting += [inside] if isinstance(inside, dict | list) else []
    if not places:
        return mutate_bytes(raw, rng)
    holder, key = rng.choice(places)
    if rng.random() < 0.2:
        del holder[key]
    else:
        odd = [None, True, -1, 0, 10**9, 10**30, 1e308, float("nan"), "", "x", "\0", "../x", [], {}, [[]], {"": {}}]
        holder[key] = rng.choice(odd)
    return json.dumps(value).encode()


def mutants(kinds, number, seed):
    rng = random.Random(seed)
    files = [(kind, path) for kind, (root, _) in kinds.items() for path in sorted(root.rglob("*")) if path.is_file()]
    for _ in range(number):
        kind, path = rng.choice(files)
        raw = path.read_bytes()
        as_json = path.suffix == ".json" and rng.random() < 0.6
        yield kind, path.relative_to(kinds[kind][0]), (mutate_json if as_json else mutate_bytes)(raw, rng)


def outcome(ask, folder, right):
    signal.alarm(SECONDS)
    try:
        return "same" if repr(ask(folder)) == right else "other"
    except UserError as error:
        return "refused" if "\n" not in str(error) else f"lines: {error}"
    except BaseException:
        return f"traceback {traceback.format_exc()[-900:]}"
    finally:
        signal.alarm(0)


def resident_bytes(what="VmRSS"):
    """Return the resident memory of this process now, from where its peak ("VmHWM") is counted; 0 where none tells."""
    if not Path("/proc/self/clear_refs").exists():
        return 0
    status = Path("/proc/self/status").read_text()
    if what == "VmRSS":  # what the process had before is no job's
        Path("/proc/self/clear_refs").write_text("5")
    return 1024 * int(re.search(rf"{what}:\s+(\d+) kB", status)[1])


def run_all(jobs, scratch, most_bytes=None):
    """Return the outcome of each job, a function; they run in forked processes, and a crash is an outcome too."""
    told, done = scratch / "told.jsonl", []
    while len(done) < len(jobs):
        child = os.fork()
        if not child:
            try:
                with told.open("a") as file:
                    for job in jobs[len(done) :]:
                        begun = resident_bytes()
                        found = job()
                        file.write(json.dumps([found, resident_bytes("VmHWM") - begun]) + "\n")
                        file.flush()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        done = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
        if len(done) < len(jobs):
            with told.open("a") as file:
                file.write(json.dumps([f"crash {status}", 0]) + "\n")
            done.append([f"crash {status}", 0])
    if most_bytes:
        assert max(peak for _, peak in done) < most_bytes
    return [found for found, _ in done]


def summary(found):
    counts = {}
    for each in found:
        counts[each.split()[0]] = counts.get(each.split()[0], 0) + 1
    return counts


def test_no_mutant_crashes_or_answers_otherwise_in_silence(kinds, tmp_path, capsys):
    right = {kind: repr(ask(root)) for kind, (root, ask) in kinds.items()}

    def job(kind, name, raw):
        root, ask = kinds[kind]
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(root, copy)
        (copy / name).write_bytes(raw)
        found = outcome(ask, copy, right[kind])
        return found if found in ("same", "refused") else f"{found} [{kind} {name}]"

    asked = list(
        mutants(kinds, int(os.environ.get("MUTANTS", NUM_MUTANTS)), seed=int(os.environ.get("MUTANTS_SEED", "1")))
    )
    found = run_all([lambda each=each: job(*each) for each in asked], tmp_path)
    with capsys.disabled():
        print(summary(found))
    assert [each for each in found if each not in ("same", "refused")] == []


HUGE = [10**6, 30_000_000, 10**9, 10**18, 10**40, -1, 0, "many", None, [1], {"a": 1}, True, 1e308]
SIZES = ["vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size", "max_position_embeddings",
         "type_vocab_size", "num_attention_heads", "pad_token_id", "embedding_size", "num_hidden_groups",
         "layer_norm_eps", "model_type", "architectures", "mamebert", "id2label"]  # fmt: skip


def hostile(folder, rng):
    """Spoil a folder from elsewhere on purpose."""
    config, weights = folder / "config.json", folder / "model.safetensors"
    told = json.loads(config.read_text())
    match rng.randrange(5):
        case 0 | 1:
            for name in rng.sample(SIZES, rng.choice([1, 2])):
                told[name] = rng.choice(HUGE)
            if rng.random() < 0.3:
                told["model_type"] = rng.choice(["albert", "distilbert", "electra", "mobilebert", "mamebert"])
            config.write_text(json.dumps(told))
        case 2:
            name = rng.choice(["config.json", "tokenizer.json", "tokenizer_config.json"])
            deep = rng.choice(["[", '{"a":', '{"vocab":['])
            (folder / name).write_text(deep * rng.choice([70, 2000, 200_000]))
        case 3:
            size, shape = rng.choice([2**62, 10**9, 7]), rng.choice([[10**9, 10**9], [2**40, 0], [-1], [2**63]])
            entry = {"dtype": rng.choice(["F32", "I64", "F8_E4M3"]), "shape": shape, "data_offsets": [0, size]}
            raw = json.dumps({"bert.embeddings.word_embeddings.weight": entry, "b": entry}).encode()
            lie = rng.choice([len(raw), 2**40, 2**63, 5])
            weights.write_bytes(lie.to_bytes(8, "little") + raw + b"\0" * 64)
        case 4:
            name = rng.choice(["config.json", "model.safetensors", "tokenizer.json", "vocab.txt"])
            (folder / name).unlink(missing_ok=True)
            match rng.randrange(4):
                case 0:
                    os.mkfifo(folder / name)
                case 1:
                    (folder / name).symlink_to(rng.choice(["/dev/zero", "/dev/null", "/proc/self/mem", name]))
                case 2:
                    (folder / name).mkdir()
                case _:
                    with (folder / name).open("wb") as file:
                        file.truncate(50 * 10**9)


def test_no_hostile_folder_takes_a_gigabyte_or_twenty_seconds(kinds, tmp_path, capsys):
    def job(number):
        rng = random.Random(number)
        root, ask = kinds[rng.choice(["task", "encoder"])]
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(SUMS))
        hostile(copy, rng)
        found = outcome(ask, copy, "")
        return found if found in ("other", "refused") else f"{found} [{number}]"

    for root, ask in kinds.values():
        ask(root)  # what is imported and built is no folder's
    number = int(os.environ.get("HOSTILE", NUM_HOSTILE))
    found = run_all([lambda n=n: job(n) for n in range(number)], tmp_path, MOST_BYTES)
    with capsys.disabled():
        print(summary(found))
    assert [each for each in found if each not in ("other", "refused")] == []
