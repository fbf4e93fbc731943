"""Rows as encoders see them: token sequences, and the hidden states of encoders that do not learn."""

from collections.abc import Mapping, Sequence
from typing import Any

from mamebert.progress import say
from mamebert.stages.finetune.candidates import Candidate
from mamebert.stages.finetune.hidden_state_cache import HiddenStates, keep_hidden_states
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import Example, TaskState
from mamebert.tasks.network.task_network import TaskNetwork
from mamebert.tokenizer.files import hash_rules
from mamebert.tokenizer.unknown import Unknown
from mamebert.training.groups import plan_learning


class EncodedRows:
    """All parts of the rows, as the encoder sees them that was asked about last."""

    def __init__(self, examples: Mapping[str, Sequence[Example]], learnt: TaskState) -> None:
        self.examples, self.learnt = examples, learnt
        self.shown: dict[str, dict[str, Part]] = {}
        self.states: dict[tuple[Any, ...], dict[str, HiddenStates]] = {}
        self._unknown: dict[str, Unknown] = {}

    def to(self, model: Candidate) -> dict[str, Part]:
        """Return every part as this encoder reads it; encoders of one tokenizer share it, if their tasks are alike."""
        key = _key(model)
        if key not in self.shown:
            found, unknown = model.features(self.examples, self.learnt)
            self.shown = {key: found}
            self._tell_unknown(key, model.name, unknown)
        return self.shown[key]

    def unknown_to(self, model: Candidate) -> Unknown:
        """Return how much of all parts the encoder's vocabulary does not know."""
        self.to(model)
        return self._unknown[_key(model)]

    def _tell_unknown(self, key: str, name: str, found: Unknown) -> None:
        told = found.told("the rows") if key not in self._unknown else ""
        self._unknown[key] = found
        if told:
            say(f"{name}: {told}")

    def hidden_states(
        self, model: Candidate, seed: int, config: FinetuneConfig, network: TaskNetwork
    ) -> dict[str, HiddenStates]:
        """Return the hidden states of all parts if the encoder never learns; seeds and trials share them."""
        if plan_learning(network, config.learning, config.training.closed().peak_lr).encoder_learns:
            return {}
        random = seed if model.random_weights else None
        key = (model.title, random, str(config.reading), config.training.precision, config.learning.cache_bytes)
        if key not in self.states:
            self.states = {}  # frees the memory first
            self.states = {key: keep_hidden_states(network, self.to(model), config.learning.cache_bytes)}
        return self.states[key]


def _key(model: Candidate) -> str:
    return hash_rules(model.tokenizer_folder) + model.task.model_dump_json() + str(model.is_table)
