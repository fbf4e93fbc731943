"""RoBERTa and XLM-RoBERTa as plain transformers leaves them, tokenizer and all: asked, fine-tuned, predicted with."""

import json

import numpy as np
import pytest
import torch
import transformers
from tokenizers import ByteLevelBPETokenizer

from mamebert.errors import UserError
from mamebert.serving.load import load
from mamebert.tasks import Task
from mamebert.tasks.data.features import Example, TaskState
from mamebert.tokenizer.encoding import Tokenizer

TEXT, OTHER = "The old boat meets the rope.", "東京 café isn't far"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SHAPE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 42, "type_vocab_size": 1, "initializer_range": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    """Return the folders of a byte-level and of a unigram tokenizer."""
    place = tmp_path_factory.mktemp("tokenizers")
    learner = ByteLevelBPETokenizer()
    learner.train_from_iterator([TEXT, OTHER] * 30, vocab_size=300, special_tokens=SPECIAL, show_progress=False)
    learner.save_model(str(place))
    transformers.RobertaTokenizer.from_pretrained(str(place)).save_pretrained(place / "Roberta")
    pieces = [*sorted({*TEXT, *OTHER} - {" "}), "▁", "▁The", "▁old", "▁boat", "meet", "▁the", "▁東京"]
    vocab = [*((token, 0.0) for token in SPECIAL[:4]), *((piece, -2.0) for piece in pieces), ("<mask>", 0.0)]
    transformers.XLMRobertaTokenizer(vocab=vocab).save_pretrained(place / "XLMRoberta")
    return place


@pytest.fixture
def made(tokenizers, tmp_path):
    def make(name, **settings):
        family = "XLMRoberta" if name.startswith("XLM") else "Roberta"
        tokenizer = transformers.AutoTokenizer.from_pretrained(tokenizers / family)
        torch.manual_seed(0)
        config = getattr(transformers, f"{family}Config")(**SHAPE, vocab_size=len(tokenizer), **settings)
        getattr(transformers, name)(config).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


def asked(folder, *texts, **more):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **more)
    (name,) = json.loads((folder / "config.json").read_text())["architectures"]
    model = getattr(transformers, name).from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**tokenizer(*texts, return_tensors="pt"))


@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta"])
def test_ids_of_texts_and_pairs_are_those_of_plain_transformers(tokenizers, family):
    ours = Tokenizer.open(tokenizers / family)
    theirs = transformers.AutoTokenizer.from_pretrained(tokenizers / family)
    for text in (TEXT, OTHER, "<mask> of 한국 <pad>"):
        expected = theirs(text, add_special_tokens=False)["input_ids"]
        assert ours.encode(text, special="token").ids.tolist() == expected
    assert ours.between == [ours.sep_id, ours.sep_id]
    words = ["The", "boat", "東京"]
    spaced = transformers.AutoTokenizer.from_pretrained(tokenizers / family, add_prefix_space=True)
    expected = spaced(words, is_split_into_words=True, add_special_tokens=False)["input_ids"]
    assert np.concatenate(ours.encode_words([words])[0]).tolist() == expected


@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta"])
def test_a_classifier_of_texts_and_of_pairs_answers_as_plain_transformers(made, family):
    folder = made(f"{family}ForSequenceClassification", num_labels=3)
    model = load(folder, device="cpu")
    for texts in ([TEXT], [TEXT, OTHER]):
        row = dict(zip(("text", "second"), texts, strict=False))
        expected = asked(folder, *texts).logits.softmax(-1)[0]
        (answer,) = model([row])
        assert answer["label"] == f"LABEL_{expected.argmax()}"
        assert answer["probability"] == pytest.approx(float(expected.max()), abs=1e-5)


@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta"])
def test_questions_and_passages_are_joined_as_by_plain_transformers(tokenizers, family):
    task = Task.find("span_qa")(max_length=40)
    asked = task.inputs({"question": "the boat?", "context": TEXT})
    (features,) = task.features(Tokenizer.open(tokenizers / family), [Example(asked, None, 0)], TaskState())
    theirs = transformers.AutoTokenizer.from_pretrained(tokenizers / family)
    (window,) = features.sequences
    assert window.tolist() == theirs("the boat?", TEXT)["input_ids"]


def test_words_of_a_byte_level_vocabulary_are_told_by_their_spaces(tokenizers):
    ours = Tokenizer.open(tokenizers / "Roberta")
    ids = {ours.spelt(number): number for number in range(ours.vocab_size)}
    assert ours.word(ids[" boat"]) == "boat"
    assert ours.word(ids["b"]) == ""
    assert ours.spelt(ours.mask_id) == "<mask>"


@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta"])
def test_masked_words_and_vectors_are_those_of_plain_transformers(made, family):
    folder = made(f"{family}ForMaskedLM")
    (words,) = load(folder)("The <mask> boat", top=2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    place = tokenizer("The <mask> boat")["input_ids"].index(tokenizer.mask_token_id)
    best = asked(folder, "The <mask> boat").logits[0, place].softmax(-1).topk(2)
    assert [chance for _, chance in words[0]] == pytest.approx(best.values.tolist(), abs=1e-5)
    if family == "Roberta":
        assert [word for word, _ in words[0]] == [tokenizer.decode([number]) for number in best.indices]


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta"])
def test_a_foreign_encoder_is_fine_tuned_and_plain_transformers_opens_the_result(
    made, family, pairs, mamebert, tmp_path
):
    columns = ["text", "other"] if pairs else ["text"]
    rows = [{"text": TEXT, "other": OTHER, "label": "ab"[n % 2], "n": n} for n in range(20)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    settings = {
        "models": {"one": str(made(f"{family}ForMaskedLM"))},
        "source": str(tmp_path / "rows.jsonl"),
        "split": {"train": 0.4, "valid": 0.3},
        "task": {"kind": "classification", "second_columns": columns[1:], "max_length": 40},
        "training": {"epochs": 1, "batch_tokens": 128, "precision": "float32"},
        "reading": {"tokens": "asked"},  # else both texts of a pair would be, by a head that no plain class has
        "seeds": [1], "baselines": "none", "output": str(tmp_path / "out"),
    }  # fmt: skip
    said = mamebert("finetune", settings)
    assert said.code == 0, said
    answered = mamebert("predict", tmp_path / "out", "--file", tmp_path / "rows.jsonl")
    answer = json.loads(answered.out.splitlines()[0])
    (folder,) = (tmp_path / "out" / "models").iterdir()
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["RobertaForSequenceClassification"]
    expected = asked(folder, *[rows[0][name] for name in columns]).logits.softmax(-1)[0]
    assert answer["probability"] == pytest.approx(float(expected.max()), abs=1e-5)


def test_rules_that_plain_transformers_would_not_follow_are_refused(made):
    folder = made("RobertaForMaskedLM")
    file = folder / "tokenizer.json"
    told = json.loads(file.read_text())
    told["pre_tokenizer"]["add_prefix_space"] = True
    file.write_text(json.dumps(told))
    with pytest.raises(UserError, match=r"RobertaTokenizer differ in add_prefix_space"):
        load(folder)
