import json

import numpy as np
import pytest
import torch

import mamebert
from mamebert.config import build
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.stages.compress import compress
from mamebert.stages.compress.settings import CompressConfig
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks import Parts
from mamebert.tasks.data.features import Example, TaskState, Unusable, pack
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.pooling import TextVectors, pool
from mamebert.tasks.network.siamese import compared, cosine_losses, ranking_losses
from mamebert.tasks.network.task_network import save_network, start_network
from mamebert.tasks.sentence_embeddings import SentenceEmbeddings
from mamebert.tokenizer.encoding import Tokenizer

TEXTS = [
    "The old bean holds the leaf.",
    "A gull.",
    "The wet boat meets the rope. The small tide leaves the net.",
    "The bright oven leaves the dough.",
]


@pytest.fixture(scope="module")
def folder(encoders):
    return encoders("N") / "model"


def network_of(task, folder, golds=(0.0, 1.0), reading=None):
    learnt = task.learn([Example(("A", "B"), gold, row) for row, gold in enumerate(golds)])
    torch.manual_seed(3)
    return start_network(task, folder, learnt, reading or Reading()).eval(), learnt


def vectors_of(task, network, folder, texts):
    examples = [Example((text,), None, row) for row, text in enumerate(texts)]
    features = task.features(Tokenizer.open(folder), examples, TaskState())
    return np.stack(raw_outputs(task, network, features))


@pytest.fixture
def saved(folder, tmp_path):
    """Return a function that saves a new network of a task, and gives it and its folder."""

    def save(task, reading=None):
        network, learnt = network_of(task, folder, reading=reading)
        save_network(network, task, learnt, reading or Reading(), folder, tmp_path / "saved")
        return network, tmp_path / "saved"

    return save


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("cnn_widths", [[], [1, 3, 5]])
def test_padding_and_company_change_no_vector(folder, pooling, cnn_widths):
    task = SentenceEmbeddings(max_length=64, pooling=pooling, cnn_widths=cnn_widths, cnn_channels=8)
    network, _ = network_of(task, folder)
    together = vectors_of(task, network, folder, TEXTS)
    assert together.shape == (4, 24 if cnn_widths else 32)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(vectors_of(task, network, folder, [text])[0], vector, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_pooling_reads_visible_tokens_alone():
    states = torch.tensor([[[1.0, -5], [3, -1], [100, 100]]])
    visible = torch.tensor([[True, True, False]])
    found = {how: pool(states, visible, how)[0].tolist() for how in ("mean", "cls", "max")}
    assert found == {"mean": [2, -3], "cls": [1, -5], "max": [3, -1]}


@pytest.mark.parametrize("reading", [Reading(), Reading(layers="all", join="weighted_sum", lstm_size=4)])
def test_a_text_has_the_same_vector_whatever_it_is_compared_with(folder, reading):
    task, tokenizer = SentenceEmbeddings(max_length=64), Tokenizer.open(folder)
    network, _ = network_of(task, folder, reading=reading)
    pairs = [Example((TEXTS[0], text), None, 0) for text in TEXTS[1:]]
    found = [raw.reshape(2, -1)[0] for raw in raw_outputs(task, network, task.features(tokenizer, pairs, TaskState()))]
    alone = vectors_of(task, network, folder, TEXTS[:1])[0]
    for vector in found:
        np.testing.assert_allclose(vector, alone, atol=1e-5)


def test_a_text_is_as_near_as_can_be_to_itself_and_swapping_texts_changes_no_cosine(saved):
    _, place = saved(SentenceEmbeddings(max_length=64))
    model = mamebert.load(place)
    same, there, back = model([(TEXTS[0], TEXTS[0]), (TEXTS[0], TEXTS[2]), (TEXTS[2], TEXTS[0])])
    assert same["cosine"] == pytest.approx(1, abs=1e-6)
    assert there["cosine"] == pytest.approx(back["cosine"], abs=1e-6)
    assert there["cosine"] < 0.999
    (one,), (other,) = (([each["vector"]]) for each in model([TEXTS[0], TEXTS[2]]))
    assert there["cosine"] == pytest.approx(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-6)


def test_swapping_texts_leaves_their_distance_in_every_dimension():
    u, v = torch.randn(3, 5), torch.randn(3, 5)
    there, back = compared(u, v), compared(v, u)
    assert torch.equal(there[:, 10:], back[:, 10:])
    assert torch.equal(there[:, :5], back[:, 5:10])


def test_cosines_are_trained_toward_scores_laid_from_0_to_1():
    task = SentenceEmbeddings(score_range=(1, 5))
    learnt = task.learn([Example((), gold, 0) for gold in (2.0, 2.0)])
    assert [task.goal.target(gold, learnt).tolist() for gold in (1, 3, 5)] == [[0], [0.5], [1]]
    assert SentenceEmbeddings().learn([Example((), g, 0) for g in (4, 2)]).chosen == {"score_range": [2, 4]}
    u = torch.tensor([[2.0, 0], [1, 0]])
    v = torch.tensor([[5.0, 0], [0, 3]])
    assert cosine_losses(u, v, torch.tensor([1.0, 0.5])).tolist() == pytest.approx([0, 0.25])
    with pytest.raises(UserError, match=r"same score\. Give rows"):
        SentenceEmbeddings().learn([Example((), 3.0, 0)] * 2)


def test_a_triplet_costs_nothing_once_the_margin_is_kept(folder):
    task = SentenceEmbeddings(max_length=64, objective="triplet", third_columns=["third"], margin=1.0)
    batch = pack(task.features(Tokenizer.open(folder), [Example(tuple(TEXTS[:3]), 0, 0)], TaskState()), [0])
    network, _ = network_of(task, folder, golds=(0, 0))
    found = network(batch)
    anchor, near = torch.zeros(4), torch.tensor([1.0, 0, 0, 0])
    for far, expected in ((2.5, 0.0), (1.5, 0.5)):
        vectors = torch.stack([anchor, near, near * far])
        assert task.loss(found._replace(vectors=vectors), batch, 1).total.item() == pytest.approx(expected, abs=1e-5)
    assert found.vectors.shape == (3, 32)


def test_ranking_is_cross_entropy_over_the_batch_without_copies_of_the_right_text():
    u = torch.tensor([[1.0, 0], [0, 1], [1, 0]])
    scores = 2 * u @ u.T
    expected = torch.nn.functional.cross_entropy(scores, torch.arange(3), reduction="none")
    torch.testing.assert_close(ranking_losses(u, u, [b"a", b"b", b"c"], 2.0), expected)
    found = ranking_losses(u, u, [b"a", b"b", b"a"], 2.0)
    assert found[0].item() == pytest.approx(np.log(1 + np.exp(-2)), abs=1e-6)


def test_labelled_pairs_are_told_by_both_vectors_and_their_difference(folder):
    task = SentenceEmbeddings(max_length=64, objective="softmax")
    network, learnt = network_of(task, folder, golds=("yes", "no", "yes"))
    assert network.head.classifier.weight.shape == (2, 3 * 32)
    tokenizer = Tokenizer.open(folder)
    examples = [Example((TEXTS[0],), None, 0), Example((TEXTS[1], TEXTS[2]), "new", 1)]
    features = task.features(tokenizer, examples, learnt)
    alone, pair = task.answers(raw_outputs(task, network, features), features, learnt)
    assert list(alone) == ["vector"]
    assert pair["label"] in ("no", "yes")
    assert pair["probability"] >= 0.5
    assert task.unseen(examples[1:], learnt) == {"a label that no training row has": 1}
    assert task.loss(network(pack(features, [1])), pack(features, [1]), 1).total.item() == 0


def test_a_partner_is_found_first_and_vectors_that_are_all_the_same_find_nothing(folder):
    task, tokenizer = SentenceEmbeddings(max_length=64, objective="ranking"), Tokenizer.open(folder)
    examples = [Example((text, text), 1, row) for row, text in enumerate(TEXTS)]
    features = task.features(tokenizer, examples, TaskState())
    network, _ = network_of(task, folder)
    answers = task.answers(raw_outputs(task, network, features), features, TaskState())
    assert [answer["rank"] for answer in answers] == [1] * 4
    assert [each.score for each in task.measures(examples, answers)] == [1, 1, 1]
    blind = task.answers([np.ones(8)] * 4, features, TaskState())
    scores = {each.name: each.score for each in task.measures(examples, blind)}
    assert scores == {"recall@1": 0, "recall@10": 1, "mrr": pytest.approx(1 / 4)}
    unknown = task.features(tokenizer, [Example((TEXTS[0], TEXTS[1]), None, 0)], TaskState())
    assert list(task.answers(raw_outputs(task, network, unknown), unknown, TaskState())[0]) == ["cosine"]


@pytest.mark.parametrize(
    ("settings", "row", "why"),
    [
        ({}, {"text": "A", "second": "", "label": 1}, "an empty text"),
        ({}, {"text": "A", "second": None, "label": 1}, "a text missing"),
        ({}, {"text": "A", "second": "B", "label": "nan"}, "not finite"),
        ({"objective": "softmax"}, {"text": "A", "second": "B", "label": None}, "no label"),
        ({"objective": "triplet", "third_columns": ["c"]}, {"text": "A", "second": "B", "c": None}, "a text missing"),
    ],
)
def test_rows_that_teach_nothing_are_told(settings, row, why):
    task = SentenceEmbeddings(**settings)
    with pytest.raises(Unusable, match=why):
        task.gold(row, task.inputs(row))


def test_wrong_settings_and_columns_are_told():
    with pytest.raises(UserError, match=r"compares three texts\. Give third_columns"):
        SentenceEmbeddings(objective="triplet")
    with pytest.raises(UserError, match="compares three texts"):
        SentenceEmbeddings(third_columns=["c"])
    with pytest.raises(UserError, match="no column called 'second'"):
        SentenceEmbeddings().gold({"text": "A", "other": "B"}, ("A",))


@pytest.mark.parametrize(
    ("settings", "golds", "names"),
    [
        ({}, [3.0, 1.0, 2.0, 0.0], ["TF-IDF cosine"]),
        (
            {"objective": "softmax"},
            ["yes", "no"] * 2,
            ["most frequent class", "word overlap + logistic regression"],
        ),
        ({"objective": "ranking"}, [1] * 4, ["TF-IDF cosine"]),
        ({"objective": "triplet", "third_columns": ["c"]}, [0] * 4, ["TF-IDF cosine"]),
    ],
)
def test_simple_peers_answer_as_the_task_does(settings, golds, names):
    task = SentenceEmbeddings(**settings)
    others = TEXTS[1:] + TEXTS[:1]
    inputs = [(text, text + " A net.", other)[: task.goal.num_texts] for text, other in zip(TEXTS, others, strict=True)]
    examples = [Example(texts, gold, row) for row, (texts, gold) in enumerate(zip(inputs, golds, strict=True))]
    peers = list(task.baselines(Parts(examples, examples, examples), "word", 0))
    assert [peer.name for peer in peers] == names
    scores = [task.measures(examples, peer.answers)[0].score for peer in peers]
    assert np.isfinite(scores).all()
    if settings.get("objective") in ("ranking", "triplet"):
        assert scores == [1]


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_the_folder_opens_in_sentence_transformers_with_equal_vectors(saved, pooling):
    library = pytest.importorskip("sentence_transformers")
    task = SentenceEmbeddings(pooling=pooling, max_length=12)
    _, place = saved(task)
    ours = [each["vector"] for each in mamebert.load(place, device="cpu")(TEXTS)]
    theirs = library.SentenceTransformer(str(place), device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), ours, atol=1e-5)
    assert theirs.max_seq_length == 12


@pytest.mark.parametrize(
    ("settings", "reading"), [({"cnn_widths": [3], "cnn_channels": 4}, None), ({}, Reading(layers="all"))]
)
def test_what_sentence_transformers_cannot_compute_is_not_offered_to_it(saved, settings, reading):
    _, place = saved(SentenceEmbeddings(max_length=64, **settings), reading)
    assert not (place / "modules.json").exists()
    assert len(mamebert.load(place)(TEXTS)) == 4


def test_near_meanings_are_learnt_from_rows(world, encoders, tmp_path):
    rows = [json.loads(line) for line in (world / "rows.jsonl").read_text().splitlines()]
    pairs = [
        {"text": a["text"][:60], "second": b["text"][:60], "label": int(a["label"] == b["label"])}
        for a, b in zip(rows, rows[1:] + rows[:1], strict=True)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    settings = {
        "model": encoders("N"),
        "source": str(tmp_path / "pairs.jsonl"),
        "split": {"train": 0.6, "valid": 0.2},
        "task": {"kind": "sentence_embeddings", "max_length": 32},
        "training": {"epochs": 6, "peak_lr": 3e-3, "precision": "float32"},
        "batch_rows": 16,
        "seeds": [1],
        "baselines": "word",
        "output": tmp_path / "run",
    }
    run = finetune(build(FinetuneConfig, settings))  # proved in plain transformers, too
    assert run.results["measure"] == "spearman"
    assert run.results["models"][0]["scores"]["spearman"]["mean"] > 0.5
    assert run.results["verified"]["largest_difference"] < 1e-5
    model = mamebert.load(run.folder)
    near, far = model([("The old bean holds the leaf.",) * 2, ("The old bean holds the leaf.", "The wet boat.")])
    assert near["cosine"] > far["cosine"]


def test_a_convolution_sees_neighbours(folder):
    task = SentenceEmbeddings()
    (one,) = task.features(Tokenizer.open(folder), [Example((TEXTS[0],), None, 0)], TaskState())
    batch, reads = pack([one], [0]), torch.randn(len(one.sequences[0]), 6)
    moved = reads.flip(0)
    for widths, alike in (([1], True), ([3], False)):
        vectors = TextVectors("mean", 6, widths, 4)
        assert torch.allclose(vectors(reads, batch), vectors(moved, batch), atol=1e-6) == alike


def test_a_fine_tuning_keeps_how_its_start_makes_vectors(world, folder, tmp_path):
    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.models import Dense, Normalize, Pooling, Transformer

    pooling = Pooling(32, pooling_mode=("cls", "mean"))
    torch.manual_seed(0)
    modules = [Transformer(str(folder)), pooling, Dense(64, 12), Normalize()]
    prompts = {"prompts": {"sea": "The boat: "}, "default_prompt_name": "sea"}
    library.SentenceTransformer(modules=modules, device="cpu", **prompts).save(str(tmp_path / "start"))
    pairs = [{"text": a, "second": b, "label": len(set(a) & set(b))} for a in TEXTS for b in TEXTS]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    settings = {
        "model": str(tmp_path / "start"),
        "source": str(tmp_path / "pairs.jsonl"),
        "split": {"train": 0.5, "valid": 0.2},
        "task": {"kind": "sentence_embeddings", "max_length": 32},
        "training": {"epochs": 1, "batch_tokens": 512, "precision": "float32"},
        "baselines": "none",
        "seeds": [1],
        "output": str(tmp_path / "run"),
    }
    place = finetune(build(FinetuneConfig, settings)).folder / "models" / "model"
    ours = np.array([each["vector"] for each in mamebert.load(place, device="cpu")(TEXTS)])
    theirs = library.SentenceTransformer(str(place), device="cpu")
    assert [type(module).__name__ for module in theirs] == ["Transformer", "Pooling", "Dense", "Normalize"]
    assert (theirs.prompts["sea"], theirs.default_prompt_name) == ("The boat: ", "sea")
    np.testing.assert_allclose(theirs.encode(TEXTS), ours, atol=1e-5)
    assert ours.shape == (4, 12)
    before = modules[2].linear.weight.detach().numpy()
    moved = np.abs(theirs[2].linear.weight.detach().numpy() - before).max()
    assert 0 < moved < 0.05  # learnt on, not drawn anew


def test_settings_win_over_the_start(saved):
    dense = [{"out_features": 6, "activation": "relu"}]
    _, place = saved(SentenceEmbeddings(pooling=["max", "cls"], dense=dense, normalize=True, max_length=32))
    same = SentenceEmbeddings().starting_from(place)
    assert (same.pooling, same.dense[0].activation, same.normalize) == (["max", "cls"], "relu", True)
    other = SentenceEmbeddings(pooling="mean", normalize=False).starting_from(place)
    assert (other.pooling, other.dense, other.normalize) == (["mean"], [], False)
    with pytest.raises(UserError, match="median"):
        SentenceEmbeddings(pooling="median")


def test_a_folder_from_elsewhere_is_made_smaller_with_the_rows_given(saved, unproved, tmp_path):
    _, place = saved(SentenceEmbeddings(pooling="cls", normalize=True, max_length=32))
    told = json.loads((place / "config.json").read_text())
    del told["mamebert"]
    (place / "config.json").write_text(json.dumps(told))
    (place / "SHA256SUMS").unlink()
    pairs = [{"text": a, "second": b, "label": len(set(a) & set(b))} for a in TEXTS for b in TEXTS]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    settings = {
        "model": str(place),
        "train": str(tmp_path / "pairs.jsonl"),
        "test": str(tmp_path / "pairs.jsonl"),
        "method": {"kind": "distil", "layers": 1, "training": {"steps": 2, "batch_tokens": 256}},
        "seeds": [1],
        "measure_seconds": 0,
        "output": str(tmp_path / "small"),
    }
    run = compress(build(CompressConfig, settings))
    assert run.results["models"][0]["forms"][0]["opens_with"] == "transformers BertModel, sentence-transformers"
    small = mamebert.load(run.folder)
    assert (small.task.pooling, small.task.normalize, list(small.learnt.chosen)) == (["cls"], True, ["score_range"])
    card = (run.folder / "model" / "README.md").read_text()
    assert "library_name: sentence-transformers" in card
