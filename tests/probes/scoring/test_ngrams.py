from math import log

import numpy as np
import pytest

from mamebert.errors import UserError
from mamebert.probes.scoring import ngrams as module
from mamebert.probes.scoring.ngrams import NGrams, ngram_scores

VOCAB, DOT = 6, 5
TEXTS = [np.array([0, 1, 2, DOT, 0, 1, DOT]), np.array([0, 3, DOT]), np.array([], np.int64)]
MARK = VOCAB


def counted(texts):
    """The sentences of the texts, each after two marks, as n-grams of every order."""
    found = []
    for text in texts:
        row = [MARK, MARK]
        for place, token in enumerate(text):
            row.append(int(token))
            if token == DOT and place + 1 < len(text):
                row += [MARK, MARK]
        found.append(row)
    return found


def joined(texts):
    return [token for row in counted([text for text in texts if len(text)]) for token in row]


def slowly(ids, order):
    """Witten and Bell's formula, word by word."""
    stream = joined(TEXTS)

    def probability(history, token):
        if not history:
            tokens = [each for each in stream if each != MARK]
            return (tokens.count(token) + 1) / (len(tokens) + VOCAB)
        size = len(history) + 1
        grams = [tuple(stream[i : i + size]) for i in range(2 - len(history), len(stream) - size + 1)]
        follow = [gram[-1] for gram in grams if list(gram[:-1]) == history]
        shorter = probability(history[1:], token)
        if not follow:
            return shorter
        kinds = len(set(follow))
        return (follow.count(token) + kinds * shorter) / (len(follow) + kinds)

    row = counted([ids])[0]
    places = [i for i in range(2, len(row)) if row[i] != MARK]
    return sum(log(probability(row[i - order + 1 : i], row[i])) for i in places)


@pytest.mark.parametrize("ids", [[0, 1, 2, DOT], [4, 4], [0, 1, DOT, 0, 3, DOT], [2]])
def test_ngrams_are_smoothed_as_witten_and_bell_say(ids):
    ngrams = NGrams(VOCAB, [np.array([1, 1]), np.array(ids)], np.array([DOT]))
    ngrams.count(TEXTS)
    found = ngrams.log_likelihoods()[:, 1]
    assert found == pytest.approx([slowly(ids, order) for order in (1, 2, 3)])


def test_what_is_counted_in_parts_is_the_same(monkeypatch):
    whole = NGrams(VOCAB, TEXTS[:2], np.array([DOT]))
    whole.count([np.tile(TEXTS[0], 3)])
    monkeypatch.setattr(module._Tally, "MOST", 1)
    parts = NGrams(VOCAB, TEXTS[:2], np.array([DOT]))
    parts.count([TEXTS[0]])
    parts.count([TEXTS[0], TEXTS[0]])
    assert parts.log_likelihoods()[0] == pytest.approx(whole.log_likelihoods()[0])
    assert parts.log_likelihoods() == pytest.approx(whole.log_likelihoods(), rel=0.2)


def test_a_grammar_of_pairs_is_learnt_by_bigrams_and_not_by_unigrams():
    ngrams = NGrams(VOCAB, [np.array([0, 1]), np.array([1, 0])], np.array([DOT]))
    ngrams.count(TEXTS)
    one, two, three = ngrams.log_likelihoods()
    assert one[0] == pytest.approx(one[1])
    assert two[0] > two[1]
    assert three[0] > three[1]


def test_no_text_is_a_sentence(encoders):
    from mamebert.tokenizer.encoding import Tokenizer

    tokenizer = Tokenizer.open(encoders("N") / "model")
    with pytest.raises(UserError, match="no text to count"):
        ngram_scores(tokenizer, [np.array([7, 8])], [" ", "\n"])
