"""Encoders pretrained with several seeds: one row for each choice of settings."""

import pytest

from mamebert.reports.page.sections.ablation import tell
from mamebert.reports.page.story import Story
from mamebert.reports.page.verdict import facts, verdict
from mamebert.runs import Run


@pytest.fixture
def write(tmp_path, make):
    def written(name, losses, blimp=None, more=None, **settings):
        runs = []
        for seed, loss in enumerate(losses, start=1):
            folder = tmp_path / f"{name}_{seed}"
            last = {"epoch": 1, "heldout_mlm_loss": loss, "heldout_bits_per_character": loss / 2, **(more or {})}
            results = {"epochs": [last], "order_gain": 0.1 * seed}
            all_settings = {"output": str(folder), "seed": seed, "shards": "tokens", **settings}
            runs.append(make["write_run"](folder, "pretrain", results, settings=all_settings))
        models = [
            {"name": run.name, "path": str(run), "figures": {"accuracy": value}}
            for run, value in zip(runs, blimp or [], strict=False)
        ]
        return runs, models

    return written


def sections(*folders):
    return tell(Story([Run.open(folder) for folder in folders]))


def texts(section):
    table = section.blocks[0]
    return [[cell.text.replace("\xa0", " ").replace("\u202f", " ") for cell in row] for row in table.rows], table


def test_seeds_are_one_row_with_their_spread_and_what_probes_found(write, make, tmp_path):
    words, asked = write("words", [5.0, 5.2, 5.4], [0.6, 0.61, 0.62], objective={"mask_unit": "word"})
    tokens, more = write("tokens", [5.1, 5.3, 5.2], [0.5, 0.51, 0.52], objective={"mask_unit": "token"})
    probe = make["write_run"](tmp_path / "blimp", "probe", {"kind": "minimal_pairs", "models": [*asked, *more]})
    tuned = make["write_run"](
        tmp_path / "names",
        "finetune",
        {
            "measure": "f1",
            "models": [{"name": run.name, "path": str(run), "scores": {"f1": {"mean": 0.7}}} for run in words],
        },
    )
    [section] = sections(*words, *tokens, probe, tuned)
    rows, table = texts(section)
    assert table.header == ["Choice", "Bits per character", "Held-out loss", "Order gain", "blimp", "names", "Seeds"]
    assert [row[0] for row in rows] == ["words", "tokens"]
    assert rows[0][1] == "2.6000 ± 0.1000"
    assert rows[0][2:5] == ["5.2000 ± 0.2000", "0.2000 ± 0.1000", "0.6100 ± 0.0100"]
    assert rows[1][5] == "–"
    assert [row[-1] for row in rows] == ["3", "3"]
    assert "blimp: words is 0.1000 above tokens, more than chance explains." in table.notes
    assert any(note.startswith("Held-out loss: no two choices differ") for note in table.notes)
    story = Story([Run.open(folder) for folder in (*words, *tokens, probe, tuned)])
    first, *rest = verdict(story)
    assert first.startswith("6 encoders")
    assert first.endswith("2 choices with 3 seeds each: words, tokens.")
    assert "blimp: words is 0.1000 above tokens, more than chance explains." in rest
    assert [fact.beside for fact in facts(story)][:2] == ["best of 2: words", "best of 2: words"]
    best = [[cell.strong for cell in row] for row in table.rows]
    assert best[0][4]
    assert not best[1][4]


def test_losses_over_other_vocabularies_are_not_compared(write):
    """But bits per character are, of which fewer are better."""
    few, _ = write("few", [5.0, 5.1], shards="tokens_2000")
    many, _ = write("many", [6.0, 6.1], shards="tokens_8000")
    [section] = sections(*few, *many)
    rows, table = texts(section)
    assert table.header == ["Choice", "Bits per character", "Order gain", "Seeds"]
    assert [row[1] for row in rows] == ["2.5250 ± 0.0354", "3.0250 ± 0.0354"]
    assert [row[1].strong for row in table.rows] == [True, False]


def test_the_loss_of_a_generator_says_nothing_of_its_discriminator(write):
    words, _ = write("words", [5.0, 5.1])
    has_generator = {"heldout_discriminator_loss": 0.3, "heldout_bits_per_character": None}
    replaced, _ = write("replaced", [4.0, 4.1], more=has_generator, objective={"kind": "replaced_token_detection"})
    [section] = sections(*words, *replaced)
    assert [row[1:3] for row in texts(section)[0]] == [["2.5250 ± 0.0354", "5.0500 ± 0.0707"], ["–", "–"]]


def test_hidden_words_and_next_words_are_not_compared_by_their_loss(write):
    hidden, _ = write("hidden", [5.0, 5.1], objective={"kind": "masked_lm"})
    later, _ = write("later", [4.0, 4.1], objective={"kind": "left_to_right_lm"})
    [section] = sections(*hidden, *later)
    assert texts(section)[1].header == ["Choice", "Order gain", "Seeds"]


def test_encoders_of_one_seed_have_no_such_section(write):
    one, _ = write("one", [5.0])
    other, _ = write("other", [5.0], objective={"mask_unit": "word"})
    assert sections(*one, *other) == []
