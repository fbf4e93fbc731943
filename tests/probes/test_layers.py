import numpy as np
import pytest
import torch

from mamebert.errors import UserError
from mamebert.probes.scoring.linear_probe import learn
from mamebert.probes.scoring.treebank_tasks import depth, disordered, number, part_of_speech

ROW = {
    "words": ["The", "old", "boats", "hold", "."],
    "upos": ["DET", "ADJ", "NOUN", "VERB", "PUNCT"],
    "feats": ["_", "Degree=Pos", "Number=Plur", "Number=Plur|Tense=Pres", "_"],
    "heads": [3, 3, 4, 0, 4],
}


def conllu(number):
    rng = np.random.default_rng(0)
    text = ""
    for place in range(number):
        noun, plural = ("boat", "bean", "pot")[place % 3], rng.random() < 0.5
        verb, tense = ("holds", "Pres") if rng.random() < 0.5 else ("meets", "Past")
        words = [
            ("The", "DET", "_", 3), ("old" if rng.random() < 0.5 else "wet", "ADJ", "_", 3),
            (noun, "NOUN", f"Number={'Plur' if plural else 'Sing'}", 4), (verb, "VERB", f"Tense={tense}", 0),
            ("the", "DET", "_", 6), ("rope", "NOUN", "Number=Sing", 4), (".", "PUNCT", "_", 4),
        ]  # fmt: skip
        rows = [
            f"{n}\t{w}\t{w}\t{tag}\t_\t{feats}\t{head}\tdep\t_\t_" for n, (w, tag, feats, head) in enumerate(words, 1)
        ]
        text += "\n".join(rows) + "\n\n"
    return text


def test_labels_are_read_off_the_tree():
    assert part_of_speech(ROW) == ["DET", "ADJ", "NOUN", "VERB", None]
    assert depth(ROW) == ["2", "2", "1", "0", "1"]
    assert number(ROW) == [None, None, "Plur", "Plur", None]


def test_half_of_the_sentences_have_two_neighbours_swapped():
    told = list(disordered([ROW] * 200, np.random.default_rng(0)))
    swapped = [words for words, label in told if label == "swapped"]
    assert 70 < len(swapped) < 130
    assert all(sorted(words) == sorted(ROW["words"]) != words for words in swapped)
    assert all(sum(a != b for a, b in zip(words, ROW["words"], strict=True)) == 2 for words in swapped)


def test_the_mixture_finds_the_layer_that_knows():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (400,), generator=rng)
    layers = torch.randn(3, 400, 6, generator=rng)
    layers[1, :, 0] += labels * 8
    found = learn(layers[:, :300], labels[:300], layers[:, 300:], labels[300:], 2, 0)
    assert found.right.float().mean() > 0.95
    assert found.weights.argmax() == 1
    blind = learn(layers[:1, :300], labels[:300], layers[:1, 300:], labels[300:], 2, 0)
    assert blind.right.float().mean() < 0.7


def test_every_task_has_a_table_with_every_layer_and_the_mixture(ask_about, tmp_path):
    (tmp_path / "trees.conllu").write_text(conllu(60))
    found = ask_about("layers", treebank=str(tmp_path / "trees.conllu"))
    tables = {table.title: table for table in found.tables}
    assert [*tables] == ["Part of speech", "Depth", "Tense", "Number", "Word order"]
    assert [row.name for row in tables["Depth"].rows] == ["embeddings", "layer 1", "layer 2", "mixture of all"]
    assert found.figures["part_of_speech"] > 0.9
    speech = tables["Part of speech"].rows[0].figures
    assert speech["selectivity"] == pytest.approx(speech["accuracy"] - speech["control"], abs=1e-5)
    assert "control" not in tables["Word order"].rows[0].figures


def test_what_is_no_treebank_and_one_of_one_label_is_told(ask_about, tmp_path, rows_file):
    with pytest.raises(UserError, match="Give a treebank"):
        ask_about("layers", treebank=rows_file({"text": "a"}))
    (tmp_path / "one.conllu").write_text("1\tboat\tboat\tNOUN\t_\t_\t0\troot\t_\t_\n\n" * 20)
    with pytest.raises(UserError, match="Every task has one label"):
        ask_about("layers", treebank=str(tmp_path / "one.conllu"))
