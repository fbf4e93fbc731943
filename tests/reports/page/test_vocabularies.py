"""Vocabularies of several kinds and sizes, side by side."""

from types import SimpleNamespace

from mamebert.reports.page.sections.corpus import vocabularies


def run(name, kind, **results):
    return SimpleNamespace(
        final=SimpleNamespace(name=name), settings={"vocabulary": {"kind": kind}}, results={"size": 4000, **results}
    )


def test_one_vocabulary_is_beside_nothing():
    assert vocabularies([run("a", "bpe")]) == []


def test_each_is_a_row_and_what_was_not_measured_is_not_made_up():
    judged = {"pieces_per_word": 1.5, "bits_per_character": 2.25, "unknown_character_rate": 0.02, "boundary_f1": 0.5}
    (table,) = vocabularies([run("a", "bpe", **judged), run("b", "unigram")])
    assert [[cell.text for cell in row][:3] for row in table.rows] == [["a", "bpe", "4,000"], ["b", "unigram", "4,000"]]
    first, second = ([cell.text for cell in row] for row in table.rows)
    assert {"1.50", "2.250", "98.0\N{NO-BREAK SPACE}%", "50.0\N{NO-BREAK SPACE}%"} <= set(first)
    assert len(set(second[3:])) == 1
    assert len(table.header) == len(first) == sum(span for _, span in table.groups)
