"""Early-bird tickets."""

import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.methods.early_bird import Draw, Drawn, EarlyBird, Factors, Ticket, distance
from mamebert.errors import UserError

SMALL = {"batch_tokens": 256, "peak_lr": 3e-3, "precision": "float32"}
METHOD = EarlyBird(search={"epochs": 1, **SMALL}, training={"epochs": 2, **SMALL}, look_every=2, min_steps=1)


def test_factors_change_nothing_at_first_and_are_counted_by_size(classifier, rows_bench):
    batch = rows_bench.batches(1)[0]
    with torch.no_grad():
        before = classifier.goal.outputs(classifier.network.eval(), batch)
        factors = Factors(classifier.bert)
        classifier.bert.gates = factors.gates
        assert_close(classifier.goal.outputs(classifier.network, batch), before, atol=1e-5, rtol=1e-5)
        factors.heads[0][0] = -2.0
    assert factors.size("heads").item() == sum(classifier.bert.config.heads_by_layer) + 1
    assert factors.size("neurons").item() == sum(classifier.bert.config.widths_by_layer)


def test_the_smallest_factors_go_heads_by_layer_and_neurons_anywhere(classifier):
    factors = Factors(classifier.bert)
    with torch.no_grad():
        factors.heads[0][2] = -0.1  # it is the size that counts
        factors.heads[1][0] = 0.5
        for layer in range(1, len(factors.neurons)):
            factors.neurons[layer].fill_(2.0)
    ticket = factors.ticket(0.25, 0.25)
    assert ticket.heads[:2] == [[0, 1, 3], [1, 2, 3]]
    assert len(ticket.neurons[0]) == 1  # the layer with the smallest ones keeps a single one
    assert sum(map(len, ticket.neurons)) == round(0.75 * sum(classifier.bert.config.widths_by_layer))


def test_distance_is_the_share_of_parts_that_only_one_ticket_has():
    a, b = Ticket([[0, 1]], [[2, 3]]), Ticket([[0, 2]], [[2, 3]])
    assert distance(a, a, 8) == 0
    assert distance(a, b, 8) == distance(b, a, 8) == 0.25


def test_the_search_ends_when_the_ticket_is_due(classifier, rows_bench):
    draw = METHOD.search_ticket(classifier, rows_bench)
    steps = rows_bench.steps_of_epoch(classifier, METHOD.search)
    assert draw.step == max(1, round(0.2 * steps)) < steps
    assert classifier.bert.gates is None
    assert all(draw.ticket.heads)


def test_no_ticket_is_drawn_after_a_handful_of_steps_however_short_an_epoch_is(classifier, rows_bench):
    patient = METHOD.model_copy(update={"min_steps": 30, "epsilon": 0.99})
    assert rows_bench.steps_of_epoch(classifier, patient.search) < 30
    assert patient.search_ticket(classifier, rows_bench).step == 30
    assert EarlyBird().min_steps == 100


def test_steps_that_are_given_for_the_search_are_not_exceeded(classifier, rows_bench):
    brief = EarlyBird(search={"steps": 4, **SMALL}, training={"epochs": 1, **SMALL})
    draw = brief.search_ticket(classifier, rows_bench)
    assert draw.step == 4
    assert all(draw.ticket.heads)


def test_a_steady_ticket_is_drawn_before(classifier, rows_bench):
    factors = Factors(classifier.bert)  # never learnt: always the same ticket
    draw = Draw(METHOD.model_copy(update={"epsilon": 0.01}), factors, last=100)
    for _ in range(8):
        draw.before_step()
    with pytest.raises(Drawn):
        draw.before_step()
    assert draw.step == 8  # looks after 2, 4, 6 and 8 steps give three distances
    assert draw.distances == [0, 0, 0]


def test_weights_go_back_to_what_they_were_and_the_ticket_trains(classifier, rows_bench):
    before = {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}
    untrained = METHOD.model_copy(update={"training": METHOD.training.model_copy(update={"peak_lr": 1e-12})})
    cut = untrained.compress(classifier, rows_bench)
    for name, tensor in cut.network.state_dict().items():
        if tensor.shape == before[name].shape:
            assert_close(tensor, before[name], atol=1e-6, rtol=1e-6)
    heads, widths = cut.bert.config.heads_by_layer, cut.bert.config.widths_by_layer
    teacher = rows_bench.teacher.bert.config
    assert heads == [round(count * 2 / 3) for count in teacher.heads_by_layer]
    assert sum(widths) == round(0.6 * sum(teacher.widths_by_layer))
    assert cut.notes["drawn_at_step"] < cut.notes["steps_of_an_epoch"]


def test_the_ticket_answers_nearly_as_well(classifier, rows_bench):
    before = rows_bench.score(classifier)
    assert rows_bench.score(METHOD.compress(classifier, rows_bench)) >= 0.9 * before


def test_shares_that_leave_nothing_are_refused(classifier, rows_bench):
    with pytest.raises(UserError, match="nothing would be left"):
        EarlyBird(heads=0.95).check(classifier, rows_bench)
