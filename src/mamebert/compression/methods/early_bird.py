"""Find out early in training which parts matter, and train only those (Chen et al., 2021, EarlyBERT)."""

from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from mamebert.compression.contract import Bench, Subject
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.importance import best_of_all, best_of_each, num_kept
from mamebert.compression.pruning.uneven_shapes import keep, require_layers_of_their_own, sized
from mamebert.encoder.model import Encoder
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import Gates
from mamebert.training.loop import Losses
from mamebert.training.settings import Training

STEADY = 3
"""Distances in a row that must be small; one alone may be chance."""


class EarlyBird(Compressor):
    """Learn a factor for every head and neuron for some steps, cut where it is smallest, go back, and train the rest.

    The factors are pushed to zero by an L1 penalty while the network learns with them. What they tell is the ticket;
    the weights learnt meanwhile are thrown away. The paper starts from a pretrained encoder, here a fine-tuned model
    goes back to what it was.
    """

    reaches_into_layers: ClassVar[bool] = True
    paper: ClassVar[Paper] = Paper("Chen et al., 2021 (EarlyBERT)", "35 to 45 % of the cost of training saved")
    heads: float = Field(default=1 / 3, ge=0, lt=1)
    """Share of the heads of each layer that goes."""
    neurons: float = Field(default=0.4, ge=0, lt=1)
    """Share of all feed-forward neurons that goes, wherever their factors are smallest."""
    heads_penalty: float = Field(default=1e-4, ge=0)
    """How much the sum of the sizes of the heads' factors counts in the loss."""
    neurons_penalty: float = Field(default=1e-4, ge=0)
    """The same for neurons."""
    draw_at: float = Field(default=0.2, gt=0, le=1)
    """The ticket is drawn after this share of the first epoch of the search, at the latest, and after `min_steps`."""
    min_steps: int = Field(default=100, ge=1)
    """It is never drawn before this many steps, however few an epoch has: factors that hardly moved tell nothing. The
    search goes on for that long, unless `search.steps` says otherwise."""
    epsilon: float = Field(default=0.0, ge=0, lt=1)
    """It is drawn before, once the share of parts that change sides between two looks stays below this, three times
    in a row. 0 always waits for draw_at."""
    look_every: int = Field(default=10, ge=1)
    """Steps from one look at the factors to the next."""
    search: Training = Training(epochs=1, batch_tokens=2048, peak_lr=2e-4)
    """How the factors are learnt, beside the network."""
    training: Training = Training(epochs=2, batch_tokens=2048, peak_lr=4e-4)
    """How what is left learns; as in the paper at twice the rate of the search."""

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the shape with fewer heads; shares that leave nothing, or take nothing, are a UserError.

        Neurons go where their factors are small.
        """
        require_layers_of_their_own(shape)
        kept = [num_kept(number, self.heads, "heads") for number in shape.heads_by_layer]
        num_kept(sum(shape.widths_by_layer), self.neurons, "neurons")
        return sized(shape, kept, list(shape.widths_by_layer))

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model with the parts on the ticket, trained."""
        before = {name: tensor.clone() for name, tensor in subject.network.state_dict().items()}
        draw = self.search_ticket(subject, bench)
        subject.network.load_state_dict(before)
        keep(subject.bert, draw.ticket.heads, draw.ticket.neurons)
        bench.learn(subject, self.training)
        subject.notes |= {
            "drawn_at_step": draw.step,
            "steps_of_an_epoch": bench.steps_of_epoch(subject, self.search),
            "mask_distances": [round(each, 4) for each in draw.distances],
            "heads_kept": draw.ticket.heads,
            "neurons_kept": [len(each) for each in draw.ticket.neurons],
        }
        return subject

    def search_ticket(self, subject: Subject, bench: Bench) -> "Draw":
        """Return what was drawn; the subject's weights have changed then."""
        factors = Factors(subject.bert)
        subject.bert.gates = factors.gates
        steps = bench.steps_of_epoch(subject, self.search)
        last = max(self.min_steps, round(self.draw_at * steps))
        draw = Draw(self, factors, last)
        is_too_short = self.search.epochs and self.search.epochs * steps < last
        search = self.search.model_copy(update={"epochs": 0, "steps": last}) if is_too_short else self.search

        def loss(batch: Any) -> Losses:
            draw.before_step()
            own = subject.goal.loss(subject.network, batch)
            penalty = self.heads_penalty * factors.size("heads") + self.neurons_penalty * factors.size("neurons")
            return Losses(own.total + penalty, {**own.parts, "penalty": penalty.detach()})

        try:
            bench.learn(subject, search, loss, beside=factors, choose_best=False)
            draw.take()
        except Drawn:
            pass
        finally:
            subject.bert.gates = None
        return draw


class Ticket(NamedTuple):
    """Which heads and neurons of each layer stay, in rising order."""

    heads: list[list[int]]
    neurons: list[list[int]]


class Factors(nn.Module):
    """One number for each head and neuron, 1 at first."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        ones = encoder.open_gates()
        self.heads = nn.ParameterList(each.detach() for each in ones.heads)
        self.neurons = nn.ParameterList(each.detach() for each in ones.neurons)

    @property
    def gates(self) -> Gates:
        """The same numbers as an encoder takes them."""
        return Gates(list(self.heads), list(self.neurons))

    def size(self, of: str) -> Tensor:
        """Return the sum of the sizes of the factors on "heads" or "neurons"."""
        return torch.stack([each.abs().sum() for each in getattr(self, of)]).sum()

    def ticket(self, heads: float, neurons: float) -> Ticket:
        """Return what stays when such shares go: of the heads of each layer, of all neurons."""
        sizes = ([each.detach().abs().cpu() for each in factors] for factors in (self.heads, self.neurons))
        of_heads, of_neurons = sizes
        return Ticket(best_of_each(of_heads, heads, "heads"), best_of_all(of_neurons, neurons, "neurons"))


class Draw:
    """Looks at the factors while they are learnt, and stops the search when it is time."""

    def __init__(self, method: EarlyBird, factors: Factors, last: int) -> None:
        self.method, self.factors, self.last = method, factors, last
        self.step = 0
        """Steps done when the ticket was drawn."""
        self.distances: list[float] = []
        """Between each look and the one before: the share of parts that were on one ticket only."""
        self.ticket = Ticket([], [])

    def before_step(self) -> None:
        """Note what the steps so far have led to; raises when the ticket is drawn."""
        if self.step and (self.step % self.method.look_every == 0 or self.step == self.last):
            self.take()
            if self.step == self.last or (self.step >= self.method.min_steps and self._is_steady()):
                raise Drawn
        self.step += 1

    def take(self) -> None:
        """Take the ticket that the factors give now for the one that is drawn."""
        found = self.factors.ticket(self.method.heads, self.method.neurons)
        if self.ticket.heads:
            sizes = [len(each) for each in (*self.factors.heads, *self.factors.neurons)]
            self.distances.append(distance(self.ticket, found, sum(sizes)))
        self.ticket = found

    def _is_steady(self) -> bool:
        recent = self.distances[-STEADY:]
        return len(recent) == STEADY and max(recent) < self.method.epsilon


def distance(a: Ticket, b: Ticket, num_parts: int) -> float:
    """Return the normalised Hamming distance of two tickets: the share of parts that only one of them has."""
    both = [(*x.heads, *x.neurons) for x in (a, b)]
    return sum(len({*x} ^ {*y}) for x, y in zip(*both, strict=True)) / num_parts


class Drawn(Exception):
    """The ticket is drawn, and the search need not go on."""
