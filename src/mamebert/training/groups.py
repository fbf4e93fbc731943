"""Parameter groups: which parameters learn, from which epoch on, and how fast beside the peak rate.

Top layers alone (Lee, Tang and Lin, 2019), rates that fall from layer to layer and layers that begin one after the
other (Howard and Ruder, 2018, ULMFiT).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from torch import nn

from mamebert.config import Config
from mamebert.errors import UserError, unknown

LAYER = "bert.encoder.layer."
WORDS = "bert.embeddings.word_embeddings."


class Learning(Config):
    """What learns in fine-tuning; all else stays bit for bit. Layers below all that learns run as in use: no dropout.

    What stands on the hidden states is the head: BERT's pooler, and what joins or reads several layers, too.
    """

    trainable: Literal["all", "head", "top_layers", "groups"] = "all"
    """The whole network, the head alone, the head and the `top_layers` highest layers, or what `groups` names."""
    top_layers: int = Field(default=0, ge=0)
    """Layers that learn with trainable = "top_layers", counted from the highest."""
    embeddings: Literal["learn", "frozen"] = "learn"
    """frozen keeps the table of token embeddings as it is, as an encoder was pretrained whose table was fixed."""
    groups: dict[str, float] | None = None
    """Peak learning rates of their own, by the beginning of a parameter's name ("bert.embeddings.", "head.") or by
    layer from 0 ("layer.3") or from the top ("layer.-1"); the longest name that fits counts, and 0 freezes."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """A layer's rate is this many times that of the layer above; the head has training.peak_lr. Groups do not fall."""
    unfreeze_every: int = Field(default=0, ge=0)
    """The head begins, and after every so many epochs the next layer from the top joins; 0 lets all begin at once."""
    cache_bytes: int = Field(default=2**30, ge=0)
    """Hidden states of an encoder that never learns are computed once and kept, up to this many bytes."""

    @field_validator("groups", mode="before")
    @classmethod
    def _names_end_with_a_dot(cls, groups: Any) -> Any:
        # "layer.1" then does not begin "layer.11".
        return {f"{name.rstrip('.')}.": rate for name, rate in groups.items()} if isinstance(groups, dict) else groups

    @field_validator("groups")
    @classmethod
    def _rates_are_not_negative(cls, groups: dict[str, float] | None) -> dict[str, float] | None:
        wrong = [name for name, rate in (groups or {}).items() if rate < 0]
        if wrong:
            raise ValueError(f"The rate of {wrong[0]} is negative. Give 0 to freeze it, or its highest learning rate.")
        return groups

    @model_validator(mode="after")
    def _what_learns_is_named_once(self) -> Self:
        if (self.trainable == "top_layers") != bool(self.top_layers):
            raise ValueError('learning.top_layers belongs to trainable = "top_layers". Give both or neither.')
        if self.trainable == "groups" and not self.groups:
            raise ValueError(
                'learning.trainable = "groups" names no group. Give learning.groups, such as {"layer.-1" = 1e-3}.'
            )
        return self


@dataclass(frozen=True)
class Plan:
    """What `Learning` means for one network."""

    factors: dict[str, float]
    """By parameter name, the highest rate as a multiple of the peak rate; others never learn."""
    begins: dict[str, int]
    """By parameter name, the epoch from which it learns, counted from 0."""
    depths: dict[str, int]
    """By parameter name, where it stands: 0 the embeddings, 1 the first layer ... and the head highest."""

    @property
    def encoder_learns(self) -> bool:
        """Whether anything below the head learns at any time."""
        return any(self.depths[name] < max(self.depths.values()) for name in self.factors)

    @property
    def last_begin(self) -> int:
        """Epoch from which everything learns that ever does."""
        return max(self.begins.values())

    def open(self, network: nn.Module, epoch: int | None = None) -> None:
        """Let learn what learns in an epoch, or without one whatever learns at any time, and nothing else."""
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in self.factors and (epoch is None or self.begins[name] <= epoch))

    def frozen_below(self, network: nn.Module, epoch: int) -> list[nn.Module]:
        """Return embeddings and layers below all that learns in an epoch."""
        lowest = min(self.depths[name] for name, begin in self.begins.items() if begin <= epoch)
        below = range(1, min(lowest, max(self.depths.values())))
        names = ["bert.embeddings"] * (lowest > 0) + [f"{LAYER}{depth - 1}" for depth in below]
        return [network.get_submodule(name) for name in names]


def plan_learning(network: nn.Module, settings: Learning, peak_lr: float) -> Plan:
    """Return what learns in a network with an encoder `bert`; a group that is not there is a UserError."""
    names = [name for name, _ in network.named_parameters()]
    num_layers = 1 + max((int(name.split(".")[3]) for name in names if name.startswith(LAYER)), default=-1)
    depths = {name: _depth(name, num_layers) for name in names}
    if settings.top_layers > num_layers:
        raise UserError(
            f"learning.top_layers {settings.top_layers} is more than the {num_layers} layers of the encoder. Lower it."
        )
    given = settings.groups or {}
    full = {name: _full(name, num_layers) for name in given}
    groups = {full[name]: rate for name, rate in given.items()}
    named = {name: _group_of(name, groups) for name in names}
    lowest = {"all": 0, "head": num_layers + 1, "top_layers": num_layers + 1 - settings.top_layers, "groups": 0}
    learning = [
        name
        for name in names
        if depths[name] >= lowest[settings.trainable]
        and (named[name] or settings.trainable != "groups")
        and groups.get(named[name], peak_lr) > 0
        and not (settings.embeddings == "frozen" and name.startswith(WORDS))
    ]
    _refuse_groups_in_vain(full, groups, names, learning, num_layers)
    if not learning:
        raise UserError("With these settings of learning nothing learns. Leave something to learn.")
    decay = {name: settings.layer_decay ** (num_layers + 1 - depths[name]) for name in names}
    order = sorted({depths[name] for name in learning}, reverse=True)
    return Plan(
        {name: groups[named[name]] / peak_lr if named[name] else decay[name] for name in learning},
        {name: order.index(depths[name]) * settings.unfreeze_every for name in learning},
        depths,
    )


def _depth(name: str, num_layers: int) -> int:
    if name.startswith(LAYER):
        return int(name.split(".")[3]) + 1
    return 0 if name.startswith("bert.embeddings.") else num_layers + 1


def _full(group: str, num_layers: int) -> str:
    """Return a group's name as parameters have it: "layer.-1." is the last layer."""
    found = re.match(r"(?:bert\.encoder\.)?layer\.(-?\d+)\.", group)
    if not found:
        return group
    number = int(found[1]) + num_layers * (int(found[1]) < 0)
    return f"{LAYER}{number}.{group[found.end() :]}"


def _group_of(name: str, groups: Mapping[str, float]) -> str:
    return max((group for group in groups if f"{name}.".startswith(group)), key=len, default="")


def _refuse_groups_in_vain(
    full: Mapping[str, str], groups: Mapping[str, float], names: list[str], learning: list[str], num_layers: int
) -> None:
    for told, group in full.items():
        if not any(f"{name}.".startswith(group) for name in names):
            layers = [f"layer.{number}" for number in (*range(num_layers), -1)]
            raise unknown("group of parameters", told, {*layers, *_beginnings(names)})
        if groups[group] > 0 and not any(f"{name}.".startswith(group) for name in learning):
            raise UserError(
                f"learning.groups gives {told} a rate, and the other settings of learning freeze it. "
                'Leave the rate out, or set learning.trainable = "groups": all groups learn then, and nothing else.'
            )


def _beginnings(names: list[str]) -> Iterator[str]:
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:end]) + "." for end in range(1, len(parts) + 1))
