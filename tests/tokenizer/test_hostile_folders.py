import base64
import json
import shutil
import subprocess
import sys
from contextlib import suppress
from time import thread_time

import pytest

from mamebert.errors import UserError
from mamebert.tokenizer.encoding import Tokenizer

CONFIG = "tokenizer_config.json"
TABLE = base64.b64encode(b"\4\0\0\0" + b"\xff" * 4 + b"a\0" * 9).decode()
BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False}


@pytest.fixture
def folder(spaced, tmp_path):
    return shutil.copytree(spaced.folder, tmp_path / "tokenizer")


def change(folder, name="tokenizer.json", **parts):
    path = folder / name
    description = json.loads(path.read_text(encoding="utf-8"))
    model = {**description.get("model", {}), **parts.pop("model", {})}
    changed = {**description, **parts} | ({"model": model} if "model" in description else {})
    path.write_text(json.dumps(changed), encoding="utf-8")


def refused(folder, match="tokenizer"):
    began = thread_time()
    with pytest.raises(UserError, match=match) as error:
        Tokenizer.open(folder)
    assert thread_time() - began < 20  # a*a*a*a*b takes 5 to 11, by how much of the cache others leave
    assert str(error.value).count("\n") == 0
    return str(error.value)


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


def test_code_in_the_folder_is_never_run_whatever_stands_on_standard_input(folder, tmp_path):
    mark = tmp_path / "ran"
    (folder / "tokenizer.json").unlink()
    (folder / "own.py").write_text(f"open({str(mark)!r}, 'w')\nclass OwnTokenizer:\n    pass\n")
    code = "import sys; from mamebert.tokenizer.encoding import Tokenizer; Tokenizer.open(sys.argv[1])"
    for settings in (
        {"tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": ["own.OwnTokenizer", None]}},
        {"auto_map": {"AutoTokenizer": ["own.OwnTokenizer", None]}},
        {"tokenizer_class": "BertTokenizer", "auto_map": ["own.OwnTokenizer", None]},
    ):
        (folder / CONFIG).write_text(json.dumps(settings))
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], input="y\nyes\n" * 9, capture_output=True, text=True, check=False
        )
        assert not mark.exists()
        assert done.returncode == 0 or "UserError" in done.stderr.splitlines()[-1]
        assert "[y/N]" not in done.stdout + done.stderr


def test_a_class_that_is_not_a_tokenizer_of_encoders_is_refused(folder):
    (folder / "tokenizer.json").unlink()
    (folder / CONFIG).write_text(json.dumps({"tokenizer_class": "RagTokenizer"}))
    refused(folder, "RagTokenizer")


def test_vocabularies_are_those_of_the_folder(folder, tmp_path):
    (folder / "tokenizer.json").unlink()
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text("secret\n")
    change(folder, CONFIG, tokenizer_class="BertTokenizer", vocab_file=str(elsewhere), name_or_path="someone/else")
    assert "secret" not in Tokenizer.open(folder).tokens


@pytest.mark.parametrize(
    ("settings", "package"),
    [
        ({"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "ipadic"}}, "ipadic"),
        ({"word_tokenizer_type": "sudachi"}, "sudachipy sudachidict_core"),
        ({"word_tokenizer_type": "jumanpp"}, "rhoknp"),
    ],
)
def test_a_japanese_tokenizer_names_the_package_it_needs(japanese, tmp_path, monkeypatch, settings, package):
    monkeypatch.setattr("mamebert.tokenizer.foreign.slow.find_spec", lambda name: name == "fugashi")
    folder = shutil.copytree(japanese.folder, tmp_path / "tokenizer")
    change(folder, CONFIG, mecab_kwargs=None)
    change(folder, CONFIG, **settings)
    refused(folder, f"pip install {package}")


def test_a_dictionary_that_the_folder_brings_is_not_loaded(japanese, tmp_path):
    folder = shutil.copytree(japanese.folder, tmp_path / "tokenizer")
    change(folder, CONFIG, mecab_kwargs={"mecab_dic": None, "mecab_option": f"-r /dev/null -d {tmp_path}"})
    refused(folder, "mecab_option")


@pytest.mark.parametrize(
    "part",
    [
        {"pre_tokenizer": split("(((")},
        {"pre_tokenizer": split("(a+)+$")},
        {"pre_tokenizer": split("(ab|abab)*(ab|abab)*(ab|abab)*$")},
        {"pre_tokenizer": split("a*a*a*a*b")},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "no base64!"}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": TABLE}},
        {"normalizer": replace({"String": "a"}, "b" * 1000)},
        {"normalizer": {"type": "Sequence", "normalizers": [replace({"Regex": ""}, "bbbb")] * 12}},
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 1000}},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [BYTES] * 20}},
        {"normalizer": {"type": "Prepend", "prepend": "b" * 10**6}},
        {"normalizer": {"type": "Unheard"}},
        {"normalizer": []},
        {"added_tokens": None},
        {"added_tokens": 5},
        {"added_tokens": [{"id": 5, "content": ""}]},
        {"model": {"max_input_chars_per_word": 10**9}},
        {"model": {"continuing_subword_prefix": "#" * 10**6}},
        {"model": {"unk_token": "[UNKNOWN]"}},
        {"model": {"vocab": {}}},
        {"model": {"vocab": []}},
        {"model": {"vocab": {"[UNK]": 1, "a": "2"}}},
        {"model": {"vocab": {"[UNK]": 1, "a": 400_000_000}}},
        {"model": {"vocab": {"[UNK]": 1, "a": -1}}},
        {"model": {"vocab": {"[UNK]": 1, "a": 1.5}}},
    ],
)  # fmt: skip
def test_a_description_that_asks_for_too_much_or_for_nothing_sensible_is_refused(folder, part, capfd):
    change(folder, **part)
    refused(folder, "tokenizer")
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "[]", "5", "null", '"x"', "[" * 100_000, "{}", '{"model": 5}', "\0" * 50, '{"a": NaN}']
)
@pytest.mark.parametrize("name", ["tokenizer.json", CONFIG])
def test_json_of_another_shape_is_refused_or_means_nothing(folder, name, text):
    (folder / name).write_text(text)
    with suppress(UserError):
        assert Tokenizer.open(folder).vocab_size == 150


def test_a_file_cut_short_anywhere_is_refused(folder):
    whole = (folder / "tokenizer.json").read_bytes()
    for number in range(1, 12):
        (folder / "tokenizer.json").write_bytes(whole[: len(whole) * number // 12])
        refused(folder)


@pytest.mark.parametrize("vocabulary", [b"", b"\xff\xfe\x00", b"\n" * 30_000, b"[PAD]\n[UNK]\n"])
def test_a_vocabulary_of_lines_that_is_none_is_refused(japanese, tmp_path, vocabulary):
    folder = shutil.copytree(japanese.folder, tmp_path / "tokenizer")
    (folder / "vocab.txt").write_bytes(vocabulary)
    refused(folder)


def test_lines_that_stand_twice_count_as_plain_transformers_counts_them(japanese, tmp_path):
    from transformers import AutoTokenizer

    folder = shutil.copytree(japanese.folder, tmp_path / "tokenizer")
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (folder / "vocab.txt").write_text("\n".join([*lines, lines[20], "雨"]) + "\n", encoding="utf-8")
    theirs, ours = AutoTokenizer.from_pretrained(folder), Tokenizer.open(folder)
    for text in ("小さな豆が庭で育っている。", lines[20], "雨"):
        assert ours.encode(text).ids.tolist() == theirs(text, add_special_tokens=False)["input_ids"]


def test_a_panic_while_encoding_is_a_sentence(folder, monkeypatch):
    monkeypatch.setattr("mamebert.tokenizer.foreign.guarded._try_out", lambda *_: None)
    change(folder, normalizer=None, pre_tokenizer=split("(a+)+$"))
    tokenizer = Tokenizer.open(folder)
    with pytest.raises(UserError, match="cannot encode"):
        tokenizer.encode("a" * 500 + "!")


def test_what_cannot_be_used_while_encoding_in_python_is_a_sentence_and_nothing_is_printed(folder, capfd):
    (folder / "tokenizer.json").unlink()
    added = {"0": {"content": "[PAD]", "unheard": True}}
    change(folder, CONFIG, tokenizer_class="BertTokenizer", model_max_length={}, added_tokens_decoder=added)
    with pytest.raises(UserError, match="tokenizer"):
        Tokenizer.open(folder).encode("The garden")
    assert capfd.readouterr().out == ""


def test_other_tokens_around_a_text_than_are_named_are_refused(folder):
    change(folder, CONFIG, sep_token="[MASK]")
    assert "around a text" in refused(folder)


def test_added_tokens_of_endless_length_are_refused(folder):
    added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    change(folder, added_tokens=[*added, {**added[0], "id": 90, "content": "a" * 1_000_000}])
    assert "added tokens have" in refused(folder)


@pytest.mark.parametrize(("lines", "width"), [(1_000_010, 2), (40, 1_000_000)])
def test_a_vocabulary_that_would_take_gigabytes_is_refused(folder, lines, width):
    (folder / "tokenizer.json").unlink()
    (folder / CONFIG).write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    (folder / "vocab.txt").write_text(("a" * width + "\n") * lines)
    assert "are the most" in refused(folder)
