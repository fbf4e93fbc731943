import pytest

from mamebert.config import build
from mamebert.corpus.documents import write_shard
from mamebert.errors import UserError
from mamebert.stages.vocab import VocabConfig, vocab
from mamebert.tokenizer.encoding import Tokenizer

TEXT = "the small green bean grows quickly in a large old garden near our house while rain falls"
WORDS = TEXT.split()


def make_corpus(folder, shards=2):
    for shard in range(shards):
        documents = [[" ".join(WORDS[(i * j) % 16] for i in range(1, 9)) for j in range(1, 9)] for _ in range(6)]
        write_shard(folder / "documents" / f"{shard:05d}.parquet", documents)
    return folder


def config(tmp_path, **settings):
    vocabulary = {"kind": "wordpiece", "size": 70, **settings}
    return build(VocabConfig, {"corpus": tmp_path / "corpus", "output": tmp_path / "vocab", "vocabulary": vocabulary})


def test_a_vocabulary_is_learnt_and_judged_on_text_kept_aside(tmp_path):
    make_corpus(tmp_path / "corpus")
    run = vocab(config(tmp_path))

    assert Tokenizer.open(tmp_path / "vocab" / "tokenizer").vocab_size == run.results["size"] == 70
    assert run.results["unknown_rate"] == 0
    assert run.results["pieces_per_word"] >= 1
    assert run.results["held_sentences"] == 2 * 4
    assert len(run.results["segmentations"]) == 5
    assert len(run.results["longest_tokens"]) == 20
    assert 0.5 < run.results["bits_per_character"] < 4
    assert "boundary_f1" not in run.results


def test_borders_of_pieces_are_compared_with_marked_words(tmp_path):
    make_corpus(tmp_path / "corpus")
    rows = ['{"text": "greenbean rain", "words": ["green", "bean", "rain"]}', '{"text": "x", "words": ["y"]}']
    (tmp_path / "gold.jsonl").write_text("\n".join(rows))
    made = {"corpus": tmp_path / "corpus", "vocabulary": {"size": 70}, "gold": str(tmp_path / "gold.jsonl")}
    run = vocab(build(VocabConfig, {**made, "output": tmp_path / "judged"}))
    assert (run.results["gold_sentences"], run.results["gold_left_out"]) == (1, 1)
    assert run.results["boundary_recall"] in (0, 1)
    assert [source["name"] for source in run.sources] == ["gold.jsonl"]
    (tmp_path / "gold.jsonl").write_text('{"text": "no words"}')
    with pytest.raises(UserError, match="words in a list"):
        vocab(build(VocabConfig, {**made, "output": tmp_path / "other"}))
    assert not (tmp_path / "other").exists()


def test_a_finished_run_is_not_done_again(tmp_path):
    make_corpus(tmp_path / "corpus")
    vocab(config(tmp_path))
    written = (tmp_path / "vocab" / "run.json").read_bytes()
    vocab(config(tmp_path))

    assert (tmp_path / "vocab" / "run.json").read_bytes() == written


def test_a_run_broken_off_is_begun_again_with_the_same_result(tmp_path, monkeypatch):
    make_corpus(tmp_path / "corpus")
    monkeypatch.setattr("mamebert.stages.vocab.measure", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        vocab(config(tmp_path))
    assert not (tmp_path / "vocab").exists()
    first = (tmp_path / "vocab.partial" / "tokenizer" / "vocab.txt").read_bytes()
    monkeypatch.undo()
    vocab(config(tmp_path))

    assert (tmp_path / "vocab" / "tokenizer" / "vocab.txt").read_bytes() == first


def test_too_large_a_vocabulary_is_made_smaller_where_that_is_asked_for(tmp_path, capsys):
    make_corpus(tmp_path / "corpus")
    asked = config(tmp_path, size=5_000)
    run = vocab(build(VocabConfig, {**asked.model_dump(mode="json"), "too_large": "lower"}))
    assert 64 <= run.results["size"] < 5_000
    assert run.results["size"] == Tokenizer.open(tmp_path / "vocab" / "tokenizer").vocab_size
    assert "that is taken" in capsys.readouterr().err


def test_too_large_a_vocabulary_leaves_no_finished_run(tmp_path):
    make_corpus(tmp_path / "corpus")
    with pytest.raises(UserError, match="supports a vocabulary of"):
        vocab(config(tmp_path, size=5_000))
    assert not (tmp_path / "vocab").exists()


def test_an_unknown_kind_offers_the_nearest():
    with pytest.raises(UserError, match="wordpiece"):
        build(VocabConfig, {"corpus": "x", "output": "y", "vocabulary": "wordpeice"})
