"""Questions whose answers are spans of a passage: the layout of SQuAD 1.1 and 2.0 (Rajpurkar et al., 2016 and 2018)."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, StrictBool, StrictInt, StrictStr, TypeAdapter

from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.json_texts import document
from mamebert.corpus.formats.opening import Hear
from mamebert.corpus.readers import Row
from mamebert.progress import say


class _Answer(BaseModel):
    text: StrictStr
    answer_start: StrictInt


class _Question(BaseModel):
    id: StrictStr | StrictInt
    question: StrictStr
    answers: list[_Answer] = []
    is_impossible: StrictBool = False


class _Paragraph(BaseModel):
    context: StrictStr
    qas: list[_Question]


class _Article(BaseModel):
    title: StrictStr = ""
    paragraphs: list[_Paragraph]


class _Squad(BaseModel):
    data: list[_Article]


LAYOUT = TypeAdapter(_Squad)


class Squad(FromFiles):
    """Questions about passages; each question is a row.

    `id`, `title`, `context` and `question` are text; `answers` is a list of `{"text", "answer_start"}`, where the start
    counts characters of the context; `is_impossible` says whether the context has no answer (2.0). Answers that do
    not stand where they say are left as they are, and counted.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    def read(self, path: Path, hear: Hear) -> Iterator[Row]:
        """Yield the questions of one file in its order."""
        misplaced = 0
        for article in document(path, self.encoding, self.errors, LAYOUT, "SQuAD").data:
            for paragraph in article.paragraphs:
                for question in paragraph.qas:
                    misplaced += sum(not _stands(each, paragraph.context) for each in question.answers)
                    yield {
                        "id": str(question.id),
                        "title": article.title,
                        "context": paragraph.context,
                        "question": question.question,
                        "answers": [each.model_dump() for each in question.answers],
                        "is_impossible": question.is_impossible,
                    }
        if misplaced:
            say(f"{path}: {misplaced:,} answers do not stand in the context where answer_start says.")


def _stands(answer: _Answer, context: str) -> bool:
    return answer.answer_start >= 0 and context.startswith(answer.text, answer.answer_start)
