import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mamebert.evaluation.metrics.rouge import n_grams
from mamebert.evaluation.metrics.summaries import oracle_sentences, without_repetition


def words(text):
    return text.split()


SENTENCES = st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=6)


def rate(chosen, sentences, reference):
    total = 0.0
    for n in (1, 2):
        given_ = sum((n_grams(n, sentences[i]) for i in chosen), n_grams(n, []))
        wanted = n_grams(n, reference)
        size = given_.total() + wanted.total()
        total += 2 * (given_ & wanted).total() / size if size else 0
    return total


def greedy(sentences, reference, most):
    chosen, best = [], 0.0
    while len(chosen) < most:
        rates = {i: rate([*chosen, i], sentences, reference) for i in range(len(sentences)) if i not in chosen}
        if not rates or max(rates.values()) <= best + 1e-12:
            break
        best = max(rates.values())
        chosen.append(next(i for i, each in rates.items() if each >= best - 1e-12))
    return chosen, best


@given(SENTENCES, st.lists(st.sampled_from("abcde"), max_size=8), st.integers(0, 4))
def test_the_oracle_adds_what_raises_rouge_most(sentences, reference, most):
    found = oracle_sentences(sentences, reference, most)
    assert found == sorted(greedy(sentences, reference, most)[0])


def test_the_oracle_finds_sentences_that_were_put_together():
    sentences = [words("the old boat"), words("rain fell all day"), words("a gull sat on it")]
    assert oracle_sentences(sentences, sentences[2] + sentences[0]) == [0, 2]
    assert oracle_sentences(sentences, []) == []


def test_the_oracle_is_at_least_as_good_as_the_first_sentence_alone():
    sentences = [words("a b c d e f g h"), words("a b"), words("c d")]
    reference = words("a b c d")
    assert rate(oracle_sentences(sentences, reference), sentences, reference) >= rate([0], sentences, reference)


def test_a_sentence_that_repeats_three_words_is_left_out():
    sentences = [words("the old boat sank"), words("the old boat sank again"), words("rain fell"), ["x"]]
    scores = np.array([0.9, 0.8, 0.1, 0.2])
    assert without_repetition(scores, sentences) == [0, 2, 3]
    assert without_repetition(scores, sentences, 2) == [0, 3]
    assert without_repetition(np.array([0.1, 0.8, 0.1, 0.1]), sentences, 2) == [1, 2]
