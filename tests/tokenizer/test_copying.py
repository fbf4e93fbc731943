import json
import shutil

import pytest
from tokenizers import ByteLevelBPETokenizer

from mamebert.checkpoints.verify import TEXTS
from mamebert.tokenizer.copying import copy_tokenizer
from mamebert.tokenizer.encoding import Tokenizer


def plain_ids(folder, text):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False)["input_ids"]


def beside_a_bert(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return folder


def test_a_vocabulary_told_by_its_family_only_is_still_found_beside_a_model_of_another(tmp_path):
    made, copied = tmp_path / "made", tmp_path / "copied"
    made.mkdir()
    bpe = ByteLevelBPETokenizer()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train_from_iterator(["the beans grow in the garden"] * 9, vocab_size=280, special_tokens=specials)
    bpe.save_model(str(made))
    (made / "config.json").write_text(json.dumps({"model_type": "roberta"}))

    copy_tokenizer(made, copied)
    theirs, ours = plain_ids(beside_a_bert(copied), "the garden of beans"), Tokenizer.open(copied)
    assert ours.encode("the garden of beans").ids.tolist() == theirs == plain_ids(made, "the garden of beans")
    assert len(theirs) < 12
    assert ours.vocab_size == Tokenizer.open(made).vocab_size


@pytest.mark.parametrize("name", ["BertTokenizer", "DistilBertTokenizer", None])
def test_rules_that_a_class_would_not_read_are_read_from_the_copy(spaced, tmp_path, name):
    made, copied = shutil.copytree(spaced.folder, tmp_path / "made"), tmp_path / "copied"
    rules = json.loads((made / "tokenizer.json").read_text(encoding="utf-8"))
    rules["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]}
    (made / "tokenizer.json").write_text(json.dumps(rules), encoding="utf-8")
    settings = json.loads((made / "tokenizer_config.json").read_text(encoding="utf-8"))
    (made / "tokenizer_config.json").write_text(json.dumps({**settings, "tokenizer_class": name}), encoding="utf-8")

    copy_tokenizer(made, copied)
    ours = Tokenizer.open(copied)
    for text in (*TEXTS, "ＴＨＥ ＧＡＲＤＥＮ"):
        assert ours.encode(text).ids.tolist() == plain_ids(beside_a_bert(copied), text)
    assert ours.encode("ＴＨＥ garden").ids.tolist() == Tokenizer.open(made).encode("ＴＨＥ garden").ids.tolist()


def test_what_does_as_described_is_copied_as_it_is(trained, tmp_path):
    copy_tokenizer(trained.folder, tmp_path / "copied")
    for path in trained.folder.iterdir():
        assert (tmp_path / "copied" / path.name).read_bytes() == path.read_bytes()
