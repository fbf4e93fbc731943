"""The filters at work on one document."""

from dataclasses import dataclass
from functools import cached_property

from mamebert.corpus.dropped import Dropped
from mamebert.corpus.filters import document_rules, sentence_rules
from mamebert.corpus.filters.characters import Measured, measured
from mamebert.corpus.filters.languages import confidence
from mamebert.corpus.filters.settings import DocumentRules, Filters, SentenceRules

NO_SENTENCE_RULES, NO_DOCUMENT_RULES = SentenceRules(), DocumentRules()


@dataclass(frozen=True)
class Filtering:
    """The rules that hold (`Filters.resolved`) in a language."""

    rules: Filters
    language: str

    def require(self) -> None:
        """Raise a UserError where the language is asked for and nobody can tell it."""
        if self.rules.sentences.min_language_confidence or self.rules.documents.language == "likeliest":
            confidence("", self.language)

    def kept(self, paragraphs: list[list[str]], dropped: Dropped) -> list[list[str]] | None:
        """Return the sentences of each paragraph that stay, `paragraphs` itself where all do; None: the document goes.

        Rules of documents are asked first, with all sentences; a stricter rule never keeps what a looser one drops.
        """
        by_sentence, by_document = self.rules.sentences != NO_SENTENCE_RULES, self.rules.documents != NO_DOCUMENT_RULES
        if not (by_sentence or by_document) or not any(paragraphs):
            return paragraphs
        found = measured(paragraphs, self.language)
        if by_document and self._goes([each for sentences in found for each in sentences], dropped):
            return None
        if not by_sentence:
            return paragraphs
        return [[each.text for each in sentences if self._stays(each, dropped)] for sentences in found]

    @cached_property
    def _sentence_rules(self) -> list[tuple[str, sentence_rules.Rule]]:
        return sentence_rules.asked(self.rules.sentences)

    def _goes(self, document: list[Measured], dropped: Dropped) -> bool:
        for name, is_broken in document_rules.RULES.items():
            if is_broken(document, self.rules.documents):
                dropped.note(f"documents_by_{name}", " ".join(each.text for each in document[:5]))
                return True
        return False

    def _stays(self, sentence: Measured, dropped: Dropped) -> bool:
        rules = self.rules.sentences
        for name, is_broken in self._sentence_rules:
            if is_broken(sentence, rules):
                dropped.note(f"sentences_by_{name}", sentence.text)
                return False
        return True
