from hypothesis import given
from hypothesis import strategies as st

from mamebert.corpus.dropped import EXAMPLE_CHARACTERS, NUM_EXAMPLES, Dropped


@given(st.lists(st.text(min_size=1, max_size=9), max_size=30), st.integers(0, 30), st.randoms())
def test_examples_depend_on_the_texts_alone(texts, place, random):
    whole, parts = Dropped(), [Dropped(), Dropped()]
    for text in texts:
        whole.note("beans", text)
    for text in random.sample(texts, len(texts)):
        parts[random.random() < 0.5].note("beans", text)
    together = Dropped()
    for part in parts:
        together += part
    assert together.counts == whole.counts
    assert together.examples() == whole.examples()
    assert len(whole.examples().get("beans", [])) <= min(NUM_EXAMPLES, len(set(texts)))


def test_long_examples_are_cut_and_texts_are_optional():
    dropped = Dropped()
    dropped.note("beans", "x" * 999)
    dropped.note("peas", number=3)
    assert dropped.counts == {"beans": 1, "peas": 3}
    assert dropped.examples() == {"beans": ["x" * EXAMPLE_CHARACTERS + " …"]}
