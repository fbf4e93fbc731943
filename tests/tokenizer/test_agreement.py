import json
import shutil

import pytest

from mamebert.checkpoints.model_folder import tokenizer_for
from mamebert.errors import UserError
from mamebert.tokenizer.agreement import rules_of_bert
from mamebert.tokenizer.copying import copy_tokenizer
from mamebert.tokenizer.encoding import Tokenizer

CONFIG, RULES = "tokenizer_config.json", "tokenizer.json"
ROWS = 10_000


@pytest.fixture
def folder(spaced, tmp_path):
    """A model's tokenizer that says in every file what BertTokenizer does, capitals kept."""
    made = shutil.copytree(spaced.folder, tmp_path / "model")
    change(made, RULES, normalizer=rules_of_bert({"do_lower_case": False}), pre_tokenizer={"type": "BertPreTokenizer"})
    change(made, CONFIG, tokenizer_class="BertTokenizer", do_lower_case=False)
    return made


def change(folder, name, **parts):
    path = folder / name
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**told, **parts}), encoding="utf-8")


def plain(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def refused(folder, match):
    with pytest.raises(UserError, match=match) as error:
        tokenizer_for(folder, ROWS)
    assert "\n" not in str(error.value)


def test_files_that_agree_are_opened_with_the_ids_of_plain_transformers(folder):
    text = "The café, A small BEAN"
    assert tokenizer_for(folder, ROWS).encode(text).ids.tolist() == plain(folder)(text)["input_ids"][1:-1]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"do_lower_case": True}, "do_lower_case"),
        ({"do_lower_case": None}, "do_lower_case"),
        ({"strip_accents": True}, "strip_accents"),
        ({"tokenize_chinese_chars": False}, "tokenize_chinese_chars"),
        ({"tokenizer_class": "RobertaTokenizer"}, "RobertaTokenizer"),
        ({"tokenizer_class": "AlbertTokenizerFast"}, "AlbertTokenizerFast"),
        ({"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "basic"}, "BertJapaneseTokenizer"),
    ],
)
def test_rules_that_plain_transformers_would_make_otherwise_are_refused(folder, settings, told):
    change(folder, CONFIG, **settings)
    refused(folder, told)


def test_a_class_told_by_the_model_alone_counts_too(folder):
    change(folder, CONFIG, tokenizer_class=None, do_lower_case=True)
    change(folder, "config.json", model_type="electra")
    refused(folder, "ElectraTokenizer differ in do_lower_case")


def test_rules_that_bert_does_not_have_are_refused_under_its_name_only(folder):
    change(folder, RULES, normalizer={"type": "Lowercase"})
    refused(folder, "rules that change a text")
    change(folder, CONFIG, tokenizer_class="PreTrainedTokenizerFast")
    assert tokenizer_for(folder, ROWS).encode("The").ids.tolist() == plain(folder)("The")["input_ids"][1:-1]


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        (CONFIG, {"added_tokens_decoder": {"900": {"content": "extra", "special": False}}}),
        (CONFIG, {"additional_special_tokens": ["extra"]}),
        (CONFIG, {"extra_special_tokens": {"own_token": "extra"}}),
        ("added_tokens.json", {"extra": 900}),
        ("special_tokens_map.json", {"additional_special_tokens": [{"content": "extra"}]}),
        ("special_tokens_map.json", {"mask_token": "[PAD]"}),
    ],
)
def test_tokens_that_only_another_file_names_are_refused(folder, file, parts):
    change(folder, CONFIG, mask_token="[MASK]")
    change(folder, file, **parts)
    refused(folder, r"'extra', which tokenizer\.json lacks|'\[PAD\]' as mask_token")


def test_a_name_in_special_tokens_map_counts_where_no_other_file_has_one(folder):
    change(folder, CONFIG, mask_token=None)
    change(folder, "special_tokens_map.json", mask_token={"content": "[SEP]"})
    tokenizer = tokenizer_for(folder, ROWS)
    assert tokenizer.mask_id == tokenizer.sep_id


def test_what_puts_nothing_around_a_text_is_refused_and_put_right_when_copied(folder, tmp_path):
    change(folder, RULES, post_processor=None)
    change(folder, CONFIG, tokenizer_class="PreTrainedTokenizerFast")
    refused(folder, "puts nothing around")
    copy_tokenizer(folder, tmp_path / "copied")
    copied, ids = tokenizer_for(tmp_path / "copied", ROWS), Tokenizer.open(folder).encode("The bean").ids
    assert plain(tmp_path / "copied")("The bean")["input_ids"] == [copied.cls_id, *ids, copied.sep_id]


def test_segments_counted_from_one_are_refused(folder):
    marks = {"[CLS]": 2, "[SEP]": 3}
    change(
        folder,
        RULES,
        post_processor={
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 1}},
                {"Sequence": {"id": "A", "type_id": 1}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 1}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {name: {"id": name, "ids": [number], "tokens": [name]} for name, number in marks.items()},
        },
    )
    refused(folder, "segment 1")


def test_words_cut_by_chance_are_refused(folder):
    change(folder, RULES, model={"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1})
    refused(folder, "by chance")
