"""DistilBERT: half the layers, without segments and pooler."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.contract import Subject
from mamebert.compression.distillation.distiller import Distiller, soft_targets
from mamebert.compression.distillation.rare_word_masks import RareWordMasks
from mamebert.compression.methods.distilbert import Distilbert, soft_words, without_segments
from mamebert.encoder.packing import Packed
from mamebert.errors import UserError
from mamebert.training.settings import Training


def of_segment(batch, number: int) -> Packed:
    return replace(batch.packed, segments=torch.full_like(batch.packed.segments, number))


def test_segment_0_moves_into_the_positions(encoder, text_bench):
    encoder.network.eval()
    torch.nn.init.normal_(encoder.bert.embeddings.token_type_embeddings.weight)
    student = without_segments(encoder)
    student.network.eval()
    batch = text_bench.batches(1)[0]

    assert student.bert.config.type_vocab_size == 0
    assert_close(student.bert(of_segment(batch, 0)), encoder.bert(of_segment(batch, 0)), atol=1e-5, rtol=1e-4)
    assert_close(student.bert(of_segment(batch, 1)), student.bert(of_segment(batch, 0))), "segments are lost"


def test_dropping_segments_twice_is_dropping_them_once(encoder):
    once = without_segments(encoder)
    assert_close(without_segments(once).network.state_dict(), once.network.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("subject", "bench", "opens"),
    [
        ("encoder", "text_bench", "transformers DistilBertForMaskedLM"),
        ("classifier", "rows_bench", "transformers DistilBertForSequenceClassification"),
    ],
)
def test_a_student_has_half_the_layers_and_opens_as_distilbert(subject, bench, opens, request, tmp_path, quick):
    subject, bench = request.getfixturevalue(subject), request.getfixturevalue(bench)
    method = Distilbert(training=Training(steps=3, **quick))
    method.check(subject, bench)
    student = method.compress(subject, bench)

    assert student.bert.config.num_hidden_layers == 2
    assert student.notes["layers_kept"] == [0, 3]
    (form,) = method.save(student, tmp_path / "saved")
    assert form.opens_with == opens


@pytest.mark.slow
def test_a_student_guesses_better_than_one_of_its_size_from_scratch(encoder, text_bench, quick):
    training = Training(steps=15, **quick)
    torch.manual_seed(0)
    student = Distilbert(training=training).compress(encoder, text_bench)
    scratch = replace(student, network=encoder.goal.network(student.bert.config, student.bert.vocab_size))
    text_bench.learn(scratch, training)

    assert text_bench.score(student) > text_bench.score(scratch)


def test_probabilities_of_every_token_are_those_at_the_places_asked_for_if_all_are_asked_for(encoder, text_bench):
    """Chunks and recomputation must change nothing, neither in the loss nor in its gradient."""
    batch = text_bench.batches(1)[0]
    every = replace(batch, chosen=torch.arange(len(batch.packed.ids)), targets=batch.packed.ids)
    found = []
    for term in (soft_words(1.0, 2.0), soft_targets(1.0, 2.0)):
        student = without_segments(encoder)
        torch.nn.init.zeros_(student.bert.embeddings.position_embeddings.weight)
        student.network.eval()
        loss = Distiller(text_bench.teacher, student, [term]).loss(every).total
        loss.backward()
        found.append((loss.detach(), student.bert.embeddings.word_embeddings.weight.grad))

    assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


def test_a_student_that_equals_its_teacher_is_taught_nothing_about_any_token(encoder, text_bench):
    encoder.network.eval()
    losses = Distiller(text_bench.teacher, encoder, [soft_words(1.0, 2.0)]).loss(text_bench.batches(1)[0])
    losses.total.backward()

    assert_close(losses.total.detach(), torch.tensor(0.0), atol=1e-5, rtol=0)
    assert encoder.bert.embeddings.word_embeddings.weight.grad.abs().max() < 1e-5


def masks_for(subject: Subject, counts: torch.Tensor, power: float) -> RareWordMasks:
    return RareWordMasks(counts, subject.tokenizer, power, 1.0)


def test_masks_drawn_anew_ask_for_the_same_text(encoder, text_bench):
    batch, tokenizer = text_bench.batches(1)[0], encoder.tokenizer
    text = batch.packed.ids.clone()
    text[batch.chosen] = batch.targets
    torch.manual_seed(1)
    anew = masks_for(encoder, text_bench.token_counts(), 0.7)(batch)
    again = anew.packed.ids.clone()
    again[anew.chosen] = anew.targets

    assert torch.equal(again, text)
    assert len(anew.chosen) == len(batch.chosen)
    assert not torch.equal(anew.chosen, batch.chosen)
    assert (anew.chosen.diff() > 0).all()
    assert not set(anew.targets.tolist()) & set(tokenizer.special_ids)
    assert (anew.packed.ids[anew.chosen] == tokenizer.mask_id).all()


@pytest.mark.slow
def test_rare_tokens_are_masked_more_often(encoder, text_bench):
    batch = text_bench.batches(1)[0]
    text = batch.packed.ids.clone()
    text[batch.chosen] = batch.targets
    counts = torch.bincount(text, minlength=encoder.bert.vocab_size)
    torch.manual_seed(1)
    asked = {
        power: torch.stack([counts[masks_for(encoder, counts, power)(batch).targets].float().mean() for _ in range(20)])
        for power in (0.0, 0.7)
    }

    assert asked[0.7].mean() < 0.9 * asked[0.0].mean()


def test_more_layers_than_there_are_are_refused(encoder, text_bench):
    with pytest.raises(UserError, match="keep 9 layers and the model has 4"):
        Distilbert(layers=9).check(encoder, text_bench)
