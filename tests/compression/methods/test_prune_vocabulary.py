"""Fewer tokens."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import BPE, Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from torch.testing import assert_close

from mamebert.compression.methods.prune_vocabulary import PruneVocabulary, kept_ids
from mamebert.compression.pruning.vocabulary import added_ids, with_tokenizer, worst_piece, write_tokenizer
from mamebert.encoder.packing import Packed
from mamebert.errors import UserError
from mamebert.tokenizer.encoding import Tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXT = "The old boat holds the rope."


def wordpiece(folder, tokens):
    """A tokenizer folder as transformers writes one."""
    from transformers import BertTokenizer

    BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}, do_lower_case=True).save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    return folder


def unigram(folder):
    pieces = [("<unk>", 0.0), ("▁dead", -2.0), ("▁bo", -3.0), ("at", -3.5), ("▁boat", -4.0), ("▁", -6.0)]
    pieces += [(each, -7.0 - i / 10) for i, each in enumerate("aobtdei")] + [("zz", -20.0)]
    rust = RustTokenizer(Unigram(pieces, unk_id=0))
    rust.pre_tokenizer = Metaspace()
    rust.add_special_tokens(SPECIAL)
    marks = [(mark, rust.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")]
    rust.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    folder.mkdir()
    rust.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    about |= {f"{mark[1:-1].lower()}_token": mark for mark in SPECIAL if mark != "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return folder


def counts_of(tokenizer, text):
    return torch.bincount(torch.from_numpy(tokenizer.encode(text).ids.astype(np.int64)), minlength=tokenizer.vocab_size)


def text_of_kept(old, new, text):
    return [old.tokens[i] for i in old.encode(text).ids], [new.tokens[i] for i in new.encode(text).ids]


def test_tokens_that_are_used_stay_and_pieces_within_words_with_them(tmp_path):
    tokens = [*SPECIAL, "boat", "boats", "##s", "b", "##o", "##at", "rope", "##x"]
    old = Tokenizer.open(wordpiece(tmp_path / "old", tokens))
    counts = counts_of(old, "boat boat boats rope ropes")
    used = kept_ids(old, counts, 1, characters=False, always=set(old.special_ids))
    assert [tokens[i] for i in used] == [*SPECIAL, "boat", "boats", "##s", "rope"]
    often = kept_ids(old, counts, 2, characters=True, always=set(old.special_ids))
    assert [tokens[i] for i in often] == [*SPECIAL, "boat", "##s", "b", "##o", "rope", "##x"]


def test_wordpiece_files_keep_in_step_and_transformers_agrees(tmp_path):
    from transformers import AutoTokenizer

    tokens = ["unused", *SPECIAL, "boat", "\u2028", "##s", "rope", "boats"]
    old = Tokenizer.open(wordpiece(tmp_path / "old", tokens))
    kept = [1, 2, 3, 4, 5, 6, 8, 9]
    write_tokenizer(tmp_path / "old", kept, tmp_path / "new")
    new, theirs = Tokenizer.open(tmp_path / "new"), AutoTokenizer.from_pretrained(tmp_path / "new")
    wanted = [tokens[i] for i in kept]
    assert new.tokens == wanted
    assert (tmp_path / "new" / "vocab.txt").read_text(encoding="utf-8").split("\n") == [*wanted, ""]
    assert new.special_ids == [0, 1, 2, 3, 4]
    assert theirs("boat ropes")["input_ids"] == [2, *new.encode("boat ropes").ids.tolist(), 3]
    assert text_of_kept(old, new, "boat rope ropes")[0] == text_of_kept(old, new, "boat rope ropes")[1]
    assert text_of_kept(old, new, "boats")[1] == ["boat", "##s"]


def test_unigram_cuts_texts_of_kept_pieces_the_same_way(tmp_path):
    from transformers import AutoTokenizer

    folder = unigram(tmp_path / "old")
    old = Tokenizer.open(folder)
    text = "boat dead o"
    always = {*old.special_ids} | added_ids(folder) | worst_piece(folder)
    kept = kept_ids(old, counts_of(old, text), 1, characters=False, always=always)
    write_tokenizer(folder, kept, tmp_path / "new")
    new = Tokenizer.open(tmp_path / "new")
    assert new.tokens == [old.tokens[i] for i in kept]
    assert len(new.tokens) < len(old.tokens)
    before, after = text_of_kept(old, new, text)
    assert before == after
    ids = AutoTokenizer.from_pretrained(tmp_path / "new")(text)["input_ids"]
    assert ids == [new.cls_id, *new.encode(text).ids.tolist(), new.sep_id]


@pytest.mark.parametrize("tied", [True, False])
def test_a_text_of_kept_tokens_gets_the_same_logits(encoder, tmp_path, tied):
    old, network = encoder.tokenizer, encoder.network
    head = network.cls.predictions
    if not tied:
        head.decoder.weight = torch.nn.Parameter(torch.randn_like(head.decoder.weight))
        head.tied = False
    with torch.no_grad():
        head.bias.normal_()
    kept = kept_ids(old, counts_of(old, TEXT), 1, characters=False, always={*old.special_ids})
    write_tokenizer(encoder.folder, kept, tmp_path / "new")
    fewer = with_tokenizer(encoder, kept, tmp_path / "new")
    assert fewer.bert.vocab_size == len(kept) == len(fewer.tokenizer.tokens) < old.vocab_size
    assert (fewer.network.cls.predictions.output_matrix is fewer.bert.embeddings.word_embeddings.weight) == tied

    def logits(subject):
        tokenizer = subject.tokenizer
        ids = np.concatenate([[tokenizer.cls_id], tokenizer.encode(TEXT).ids, [tokenizer.sep_id]])
        with torch.no_grad():
            return subject.network.eval().cls.predictions(subject.bert(Packed.of([ids])))

    assert_close(logits(fewer), logits(encoder)[:, kept], atol=1e-6, rtol=1e-6)


def test_a_classifier_answers_its_training_rows_as_before_with_fewer_bytes(classifier, rows_bench, tmp_path):
    before = rows_bench.score(classifier)
    method = PruneVocabulary(keep_characters=False)
    method.check(classifier, rows_bench)
    fewer = method.compress(classifier, rows_bench)
    assert fewer.notes["tokens_after"] <= fewer.notes["tokens_before"]
    assert fewer.notes["share_of_training_tokens_kept"] == 1
    assert rows_bench.score(fewer) == before
    forms = method.save(fewer, tmp_path / "model")
    assert [form.name for form in forms] == ["plain"]
    assert Tokenizer.open(tmp_path / "model").tokens == fewer.tokenizer.tokens


def test_a_pretrained_encoder_with_fewer_tokens_is_judged_by_the_same_text(encoder, text_bench):
    before = text_bench.score(encoder)
    fewer = PruneVocabulary(min_count=300).compress(encoder, deepcopy(text_bench))
    assert fewer.bert.vocab_size < encoder.bert.vocab_size
    assert fewer.notes["share_of_training_tokens_kept"] < 1
    assert text_bench.score(fewer) != before
    all_of_it = PruneVocabulary().compress(encoder, text_bench)
    assert text_bench.score(all_of_it) >= before - 1e-5  # fewer wrong answers to choose from


def test_its_teacher_loses_the_same_tokens(classifier, rows_bench):
    rows_bench.teacher.network.requires_grad_(False).eval()
    fewer = PruneVocabulary(keep_characters=False, min_count=50).compress(classifier, rows_bench)
    assert rows_bench.teacher.bert.vocab_size == fewer.bert.vocab_size < classifier.bert.vocab_size
    assert rows_bench.teacher.tokenizer.tokens == fewer.tokenizer.tokens
    assert not any(parameter.requires_grad for parameter in rows_bench.teacher.network.parameters())
    assert not rows_bench.teacher.network.training
    ours, theirs = (each.bert.embeddings.word_embeddings.weight for each in (fewer, rows_bench.teacher))
    assert torch.equal(ours, theirs)


def test_tokens_of_a_text_are_counted_by_name(encoder, text_bench):
    whole = text_bench.token_counts()
    text_bench.shown_to = PruneVocabulary(min_count=50).compress(encoder, text_bench)
    old, new = encoder.tokenizer, text_bench.shown_to.tokenizer
    fewer = text_bench.token_counts()
    assert len(fewer) == len(new.tokens) < len(old.tokens)
    assert fewer.sum() == whole.sum()
    for number, token in enumerate(new.tokens):
        if number != new.unk_id:
            assert fewer[number] == whole[old.tokens.index(token)]


def test_only_kinds_that_can_lose_tokens_are_taken(classifier, rows_bench, tmp_path):
    rust = RustTokenizer(BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    rust.save(str(tmp_path / "tokenizer.json"))
    classifier.folder = tmp_path
    with pytest.raises(UserError, match=r"of the kind BPE.*WordPiece .* and Unigram"):
        PruneVocabulary().check(classifier, rows_bench)


def test_rows_that_know_too_few_of_the_words_of_others_are_refused(classifier, rows_bench):
    PruneVocabulary(keep_characters=False).check(classifier, rows_bench)
    few = rows_bench.with_examples(rows_bench.examples()[:2])
    with pytest.raises(UserError, match=r"would stay.*shards.*min_known"):
        PruneVocabulary(keep_characters=False).check(classifier, few)
    PruneVocabulary(keep_characters=False, min_known=0.1).check(classifier, few)
