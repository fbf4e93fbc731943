import pytest

from mamebert.errors import UserError

TEXTS = ["The old [MASK] holds the [MASK] .", "The [MASK] boat ."]


def test_every_mask_has_its_words_and_they_are_printed(ask_about):
    found = ask_about("fill_mask", texts=TEXTS, top=3)
    assert [each.prompt for each in found.examples] == [TEXTS[0], f"{TEXTS[0]} (2)", TEXTS[1]]
    assert all(len(each.answers) == 3 for each in found.examples)
    assert found.figures["masks"] == 3


def test_targets_are_compared_as_the_transformers_pipeline_does(ask_about, encoders, tokens):
    from transformers import pipeline

    targets = tokens[:3]
    found = ask_about("fill_mask", texts=TEXTS[1:], targets=targets, top=3)
    theirs = pipeline("fill-mask", model=str(encoders("N") / "model"), device="cpu")(TEXTS[1], targets=targets)
    assert [word for word, _ in found.examples[0].answers] == [each["token_str"] for each in theirs]
    assert [p for _, p in found.examples[0].answers] == pytest.approx([each["score"] for each in theirs], abs=1e-5)


def test_rows_with_answers_are_counted(ask_about, rows_file):
    first = ask_about("fill_mask", texts=TEXTS[1:]).examples[0].answers[0][0]
    file = rows_file({"text": TEXTS[1], "answer": first}, {"text": TEXTS[1], "answer": "nowhere"})
    assert ask_about("fill_mask", source=file).figures["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "no texts to ask about"),
        ({"texts": ["Nothing"]}, "Put \\[MASK\\] where"),
        ({"texts": TEXTS, "targets": ["hippopotamus"]}, "no token of this vocabulary"),
    ],
)
def test_bad_input_is_one_sentence(ask_about, settings, told):
    with pytest.raises(UserError, match=told):
        ask_about("fill_mask", **settings)


def test_the_command_prints_the_words(mamebert, encoders):
    told = mamebert("probe", "fill-mask", encoders("N"), f'probe.texts=["{TEXTS[1]}"]', "--top", "2")
    assert told.code == 0, told.err
    assert TEXTS[1] in told.out
