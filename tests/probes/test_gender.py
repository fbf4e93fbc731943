import numpy as np
import pytest

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import model_folder
from mamebert.config import build
from mamebert.errors import UserError
from mamebert.probes import Asked, Probe
from mamebert.probes import gender as module
from mamebert.probes.scoring.gender_words import LISTS
from mamebert.probes.scoring.intervals import line_through
from mamebert.probes.scoring.masses import masses
from mamebert.probes.scoring.pseudo_likelihood import Scored, log_likelihoods
from mamebert.probes.scoring.sentences import scored as scored_texts
from mamebert.probes.scoring.shared_tokens import shared_scores
from mamebert.tasks.masked_words.fill_mask import fill_mask


@pytest.fixture(scope="module")
def words(tokens):
    return {"female": tokens[:2], "male": tokens[2:3]}


def test_exchanged_lists_turn_the_sign_of_slope_and_correlation(ask_about, words):
    found = ask_about("gender", over="places", **words).figures
    other = ask_about("gender", over="places", female=words["male"], male=words["female"]).figures
    assert found["slope"] == pytest.approx(-other["slope"], abs=2e-6)
    assert found["correlation"] == pytest.approx(-other["correlation"], abs=2e-5)
    assert found["female_share"] == pytest.approx(1 - other["female_share"], abs=1e-5)


def test_masses_are_those_of_fill_mask_and_do_not_depend_on_what_else_is_asked(asked, tokens):
    texts = ["The [MASK] boat .", "[MASK] holds the old wet rope ."]
    found = masses(asked, texts, tokens[:3])
    for text, row in zip(texts, found, strict=True):
        ((candidates,),) = fill_mask(asked.network, asked.tokenizer, [text], 3, tokens[:3])
        assert [dict(candidates)[word] for word in tokens[:3]] == pytest.approx(row, abs=1e-6)


def test_a_line_is_that_of_its_points():
    x = np.linspace(0, 1, 30)
    line = line_through(x, 3 - 2 * x)
    assert (line.slope, line.pearson) == (pytest.approx(-2), pytest.approx(-1))
    assert line.plus_minus == pytest.approx(0, abs=1e-6)
    noisy = line_through(x, np.random.default_rng(0).normal(size=30))
    assert abs(noisy.slope) < noisy.plus_minus


@pytest.mark.parametrize("language", LISTS)
def test_lists_have_thirty_years_twenty_places_and_no_word_of_both(language):
    lists = LISTS[language]
    assert (len(lists.dates), len(lists.places)) == (30, 20)
    assert not set(lists.female) & set(lists.male)
    assert all("{mask}" in each and "{x}" in each for each in lists.templates)


def test_shared_tokens_alone_are_asked_for(asked, tokens):
    pair = tuple(" ".join([*tokens[:2], own, *tokens[4:7]]) for own in tokens[2:4])
    scores = shared_scores(asked, scored_texts(pair, asked))
    for text, found in zip(pair, scores, strict=True):
        each = asked.tokenizer.encode(text)
        ids, special = each.ids.astype(np.int64), asked.tokenizer.special
        marks = np.arange(len(ids)) != 2
        scored = [Scored(ids, each.word_starts)]
        assert found == pytest.approx(log_likelihoods(asked.network, scored, special, asked_for=[marks])[0])
        assert found > log_likelihoods(asked.network, scored, special)[0]


def test_sets_of_pairs_have_rates_by_kind(ask_about, rows_file, words):
    crows = rows_file(
        {"sent_more": "The old boat .", "sent_less": "The wet boat .", "bias_type": "age"}, name="c.jsonl"
    )
    wino = rows_file(
        *(
            {"sentid": f"sailor.cook.1.{g}.txt", "sentence": f"The old {w} ."}
            for g, w in (("male", "pot"), ("female", "net"))
        ),
        name="w.jsonl",
    )
    found = ask_about("gender", crows_pairs=crows, winogender=wino, **words)
    assert [table.title for table in found.tables] == ["Dates", "CrowS-Pairs", "WinoGender"]
    assert found.figures["crows_pairs"] in (0, 1)
    assert found.tables[2].rows[0].name == "sailor"


def test_a_stopped_probe_goes_on(asked, tmp_path, rows_file, words, monkeypatch):
    kinds = ("age", "faith", "age", "work")
    crows = rows_file(
        *({"sent_more": "The old boat .", "sent_less": "The wet boat .", "bias_type": kind} for kind in kinds),
        name="c.jsonl",
    )
    wino = rows_file(
        *({"sentid": f"cook.1.{g}.txt", "sentence": f"The old {w} ."} for g, w in (("male", "pot"), ("female", "net"))),
        name="w.jsonl",
    )
    probe = build(Probe, {"kind": "gender", "crows_pairs": crows, "winogender": wino, **words})
    (once := tmp_path / "once").mkdir()
    (stopped := tmp_path / "stopped").mkdir()
    whole = probe.ask(asked, once, 0)
    done = []

    def counted(scorer, most):
        def scores(*given):
            if len(done) == most:
                raise KeyboardInterrupt
            done.append(scorer)
            return scorer(*given)

        return scores

    for most in (2, 3, 4):
        monkeypatch.setattr(module, "shared_scores", counted(shared_scores, most))
        monkeypatch.setattr(module, "log_likelihoods", counted(log_likelihoods, most))
        if most < 4:
            with pytest.raises(KeyboardInterrupt):
                probe.ask(asked, stopped, 0)
    assert probe.ask(asked, stopped, 0) == whole
    assert len(done) == 4  # three kinds and WinoGender, each once


def test_weights_laid_out_for_answers_change_no_score(asked, encoders, tokens):
    plain = Asked(load_pretraining(model_folder(encoders("N"))), asked.tokenizer)
    assert plain.network.bert.ready is None
    texts = scored_texts([f"The {one} {other} ." for one in tokens[:4] for other in tokens[4:8]], asked)
    assert shared_scores(asked, texts) == pytest.approx(shared_scores(plain, texts), abs=1e-5)


def test_words_that_are_no_tokens_are_told(ask_about, rows_file, words):
    with pytest.raises(UserError, match="None of the female words"):
        ask_about("gender", language="ja")
    with pytest.raises(UserError, match="no text in 'sent_more'"):
        ask_about("gender", crows_pairs=rows_file({"a": "b"}), **words)


def test_she_is_likelier_where_more_women_work_or_not(ask_about, rows_file, words, tokens):
    jobs, shares = tokens[:5], (10, 20, 55, 70, 90)
    wino = rows_file(
        *(
            {"sentid": f"{job}.cook.1.{gender}.txt", "sentence": f"The {job} holds {word} ."}
            for job in jobs
            for gender, word in (("male", tokens[5]), ("female", tokens[6]))
        ),
        name="w.jsonl",
    )
    rows = [{"occupation": job, "bls_pct_female": str(share)} for job, share in zip(jobs, shares, strict=True)]
    work, other = (
        rows_file(*those, name=f"{name}.jsonl")
        for name, those in (
            ("work", rows),
            ("other", [{**row, "bls_pct_female": str(100 - float(row["bls_pct_female"]))} for row in rows]),
        )
    )
    found = ask_about("gender", winogender=wino, occupations=work, **words)
    leads = [row.figures["lead"] for row in found.tables[1].rows]
    expected = np.corrcoef(shares, leads)[0, 1]
    assert found.figures["winogender_by_share_of_women"] == pytest.approx(expected, abs=1e-4)
    turned = ask_about("gender", winogender=wino, occupations=other, **words).figures
    assert turned["winogender_by_share_of_women"] == pytest.approx(-expected, abs=1e-4)


def test_occupations_that_cannot_be_used_are_told(ask_about, rows_file, words):
    wino = rows_file(
        *({"sentid": f"sailor.cook.1.{g}.txt", "sentence": f"The {g} pot ."} for g in ("male", "female")),
        name="w.jsonl",
    )
    work = rows_file({"occupation": "sailor", "bls_pct_female": "20"}, name="o.jsonl")
    with pytest.raises(UserError, match="occupations are those of winogender"):
        ask_about("gender", occupations=work, **words)
    with pytest.raises(UserError, match="1 of the 1 occupations"):
        ask_about("gender", winogender=wino, occupations=work, **words)
    wrong = rows_file({"occupation": "sailor", "bls_pct_female": "120"}, name="x.jsonl")
    with pytest.raises(UserError, match="'120' per cent"):
        ask_about("gender", winogender=wino, occupations=wrong, **words)
