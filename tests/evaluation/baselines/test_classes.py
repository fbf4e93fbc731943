import os
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.tree import DecisionTreeClassifier

from mamebert.evaluation.baselines.classes import mean_vectors_svm, most_frequent, naive_bayes, tfidf_svm
from mamebert.evaluation.baselines.fitting import Part, Parts, best_classifier
from mamebert.evaluation.metrics.classes import accuracy
from mamebert.evaluation.split import stratified_split

PAPER = (0.1, 0.1, 0.8)
ANIMALS = ["犬が庭を走る", "猫が窓で眠る", "小鳥が枝で歌う", "犬と猫が遊ぶ", "小鳥が空を飛ぶ", "猫が魚を食べる"]
KITCHEN = ["鍋で豆を煮る", "皿に米を盛る", "豆と米を洗う", "鍋に水を足す", "皿を棚に戻す", "米を鍋で炊く"]


def in_parts(inputs, labels):
    part = Part(list(inputs), list(labels))
    return Parts(part, part, part)


def share_right(found, parts):
    return accuracy(parts.test.labels, found.answers).score


@pytest.fixture
def texts():
    labels = ["animals"] * 6 + ["kitchen"] * 6
    everything = ANIMALS + KITCHEN
    chosen = [[0, 1, 2, 6, 7, 8], [3, 9], [4, 5, 10, 11]]
    return Parts(*(Part([everything[i] for i in rows], [labels[i] for i in rows]) for rows in chosen))


def test_tfidf_tells_unspaced_texts_apart_by_their_characters(texts):
    assert tfidf_svm(*texts).answers == texts.test.labels == ["animals", "animals", "kitchen", "kitchen"]


def test_tfidf_tells_spaced_texts_apart_by_their_words():
    parts = in_parts(["tá an madra sa ghairdín", "tá an cat ag an bhfuinneog"], ["madra", "cat"])
    assert tfidf_svm(*parts, analyzer="word").answers == parts.test.labels


@pytest.mark.parametrize("as_pairs", [False, True])
def test_naive_bayes_tells_topics_apart_and_reads_pairs_as_one_text(texts, as_pairs):
    parts = Parts(*(Part([(each, "…") for each in part.inputs], part.labels) for part in texts)) if as_pairs else texts
    found = naive_bayes(*parts)

    assert found.answers == texts.test.labels
    assert found.seconds > 0
    assert set(found.chosen) == {"alpha", "tfidf", "num_features"}


@pytest.mark.parametrize("answer", [tfidf_svm, naive_bayes])
def test_the_settings_are_those_that_are_right_on_most_validation_rows_of_equals_the_first(texts, answer):
    upside_down = texts._replace(valid=Part(texts.valid.inputs, texts.valid.labels[::-1]))
    both = [answer(*parts).chosen for parts in (texts, upside_down)]

    assert both[0].get("C", both[0].get("alpha")) in (0.1, 0.01)
    assert both[0] == both[1]  # all right, and all wrong


def test_answers_do_not_look_at_the_test_rows(texts):
    alone = Parts(texts.train, texts.valid, Part(texts.test.inputs[:1], ["kitchen"]))
    for answer in (tfidf_svm, naive_bayes):
        assert answer(*alone).answers == answer(*texts).answers[:1]


def test_means_of_vectors_tell_topics_apart():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 8)).astype(np.float32) + 5
    vectors[20:, 0] += 3
    labels = [0, 1] * 60
    ids = [rng.integers(0, 20, size=rng.integers(1, 30)) + 20 * label for label in labels]
    parts = Parts(*(Part(ids[a:b], labels[a:b]) for a, b in ((0, 40), (40, 60), (60, 120))))
    found = mean_vectors_svm(*parts, vectors=vectors)

    assert share_right(found, parts) > 0.95
    assert found.answers == mean_vectors_svm(*parts, vectors=vectors * 100).answers


def test_a_text_without_tokens_gets_an_answer():
    parts = in_parts([[1, 2], [], [3]], ["a", "b", "a"])
    assert len(mean_vectors_svm(*parts, vectors=np.eye(4, dtype=np.float32)).answers) == 3


def test_the_most_frequent_class_is_the_floor():
    parts = Parts(Part("...", ["b", "b", "a"]), Part(".", ["b"]), Part("....", ["a", "b", "a", "a"]))
    assert most_frequent(*parts).answers == ["b"] * 4


@pytest.fixture(scope="module")
def livedoor():
    if "MAMEBERT_DATA" not in os.environ:
        pytest.skip("MAMEBERT_DATA is not set")
    titles, bodies, labels = [], [], []
    with tarfile.open(Path(os.environ["MAMEBERT_DATA"]) / "livedoor" / "ldcc-text.tar.xz") as archive:
        for member in sorted(archive.getmembers(), key=lambda each: each.name):
            category, _, name = member.name.removeprefix("text/").partition("/")
            if member.isfile() and name.startswith(category + "-"):
                _, _, title, body = archive.extractfile(member).read().decode().split("\n", 3)
                titles.append(title)
                bodies.append(body)
                labels.append(category)
    return titles, bodies, labels


def split_of(livedoor, texts):
    labels = livedoor[2]
    return Parts(
        *(Part([texts[i] for i in rows], [labels[i] for i in rows]) for rows in stratified_split(labels, PAPER))
    )


@pytest.mark.realdata
def test_tfidf_reaches_the_known_accuracy_on_livedoor_titles(livedoor):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = split_of(livedoor, livedoor[0])
        found = tfidf_svm(*parts)
    assert 0.76 < share_right(found, parts) < 0.79


@pytest.mark.slow
@pytest.mark.realdata
def test_tfidf_reaches_the_known_accuracy_on_livedoor_articles(livedoor):
    texts = [f"{title}\n{body}" for title, body in zip(*livedoor[:2], strict=True)]
    parts = split_of(livedoor, texts)
    found = tfidf_svm(*parts)

    assert share_right(found, parts) > 0.92
    assert found.seconds < 60


def test_the_strength_is_chosen_by_what_the_task_goes_by():
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(60, 3)) for _ in range(3)]
    labels = [["rare" if row[0] > 1 else "common" for row in part] for part in features]
    parts = Parts(*(Part(part, gold) for part, gold in zip(features, labels, strict=True)))
    models = [
        ({"C": 1.0}, DummyClassifier(constant="common", strategy="constant")),
        ({"C": 2.0}, DecisionTreeClassifier()),
    ]
    judged = []

    def judge(wanted, found):
        judged.append((list(wanted), list(found)))
        return float("rare" in found)

    assert best_classifier("x", parts, features, models, 0.0, judge).chosen["C"] == 2.0
    assert [wanted for wanted, _ in judged] == [labels[1]] * 2
    assert (
        best_classifier("x", parts, features, models, 0.0, lambda _, found: -float("rare" in found)).chosen["C"] == 1.0
    )


def test_the_svm_takes_every_seed_that_a_run_takes():
    part = Part(["good day", "bad day", "good tea", "bad tea"] * 3, ["a", "b", "a", "b"] * 3)
    assert tfidf_svm(part, part, part, analyzer="word", seed=2**40).answers == part.labels
