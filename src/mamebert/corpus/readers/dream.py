"""Questions about dialogues with three choices each: DREAM (Sun et al., 2019)."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, StrictStr, TypeAdapter, model_validator

from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.json_texts import document
from mamebert.corpus.formats.opening import Hear
from mamebert.corpus.readers import Row


class _Question(BaseModel):
    question: StrictStr
    choice: list[StrictStr]
    answer: StrictStr

    @model_validator(mode="after")
    def _one_choice_is_the_answer(self) -> "_Question":
        if self.choice.count(self.answer) != 1:
            raise ValueError("the answer is not one of the choices")
        return self


LAYOUT = TypeAdapter(list[tuple[list[StrictStr], list[_Question], StrictStr]])


class Dream(FromFiles):
    """Questions about dialogues; each question is a row.

    `id` is the dialogue's name and the question's number in it; `text` the dialogue, a turn per line; `question` is
    text, `choices` a list of texts, and `answer` the number, from 0, of the choice that is right.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    def read(self, path: Path, hear: Hear) -> Iterator[Row]:
        """Yield the questions of one file in its order."""
        for turns, questions, name in document(path, self.encoding, self.errors, LAYOUT, "DREAM"):
            for number, asked in enumerate(questions):
                yield {
                    "id": f"{name}/{number}",
                    "text": "\n".join(turns),
                    "question": asked.question,
                    "choices": asked.choice,
                    "answer": asked.choice.index(asked.answer),
                }
