"""The settings of `mamebert inspect`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, create_model, model_validator
from pydantic.fields import FieldInfo

from mamebert import stages
from mamebert.config import Config, RunPath, build
from mamebert.errors import UserError
from mamebert.labelled.rows import RowSources, TaskChanges, one_model_needs_no_name

READERS_OF_ROWS = ("finetune", "evaluate")
"""Commands whose settings may stand in the same file."""


class InspectConfig(RowSources):
    """Settings of `mamebert inspect`. Those of finetune and evaluate may stand beside them; they play no part."""

    command: ClassVar[str] = "inspect"
    models: dict[str, RunPath] = Field(default={})
    """Models, the first of which is asked: its tokenizer how long the rows are and, where it is fine-tuned, what its
    task is. It may also be the output of `mamebert vocab`."""
    task: TaskChanges = Field(default={})
    """The task the rows are for, as in finetune, such as task.kind=tagging; with a fine-tuned model, changes to its
    own."""

    @model_validator(mode="before")
    @classmethod
    def _settings_of_others_are_checked_and_left_out(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        values = one_model_needs_no_name(dict(values))
        for command, fields in _only_of_others().items():
            _check(command, {name: values.pop(name) for name in fields if name in values})
        return values


def play_no_part(settings: Mapping[str, Any]) -> list[str]:
    """Return the names among `settings` that only other commands need."""
    return [name for name in settings if any(name in fields for fields in _only_of_others().values())]


def _check(command: str, settings: Mapping[str, Any]) -> None:
    """Refuse what the command would refuse of them: a mistake in its part of the file is not passed over."""
    if not settings:
        return
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in _only_of_others()[command].items()}
    kind = create_model("Others", __base__=Config, **{name: fields[name] for name in settings})
    kind.command = command  # type: ignore[attr-defined]
    try:
        build(kind, settings)
    except UserError as error:
        raise ValueError(str(error)) from error


def _only_of_others() -> dict[str, dict[str, FieldInfo]]:
    """Return the settings that commands have and `inspect` has not, `evaluate` without those of finetune."""
    ours, found = {*InspectConfig.model_fields, "model"}, {}
    for command in READERS_OF_ROWS:
        fields = stages.find(command)[0].model_fields
        found[command] = {name: field for name, field in fields.items() if name not in ours}
        ours |= fields.keys()
    return found
