"""The names of measures and of tasks as a reader meets them in papers, and their values with their units."""

import re
from typing import Any

from mamebert.reports.text.number_format import GLUE, NOT_MEASURED, is_number, score, three_digits, words

NAMES = {
    "f1": "F1",
    "f1_answerable": "F1, answerable",
    "f1_unanswerable": "F1, unanswerable",
    "macro_f1": "Macro F1",
    "micro_f1": "Micro F1",
    "entity_f1": "Entity F1",
    "entity_precision": "Entity precision",
    "entity_recall": "Entity recall",
    "span_f1": "Span F1",
    "token_accuracy": "Token accuracy",
    "exact_match": "Exact match",
    "mcc": "MCC",
    "las": "LAS",
    "uas": "UAS",
    "mse": "MSE",
    "mrr": "MRR",
    "heldout_mlm_loss": "Held-out MLM loss",
    "heldout_bits_per_character": "Bits per character",
    "order_gain": "Order gain",
    "mean_km": "Mean distance",
    "median_km": "Median distance",
}
SHORT = {
    "qa": "QA",
    "f1": "F1",
    "mrr": "MRR",
    "rouge": "ROUGE",
    "map": "MAP",
    "auc": "AUC",
    "bleu": "BLEU",
    "ocr": "OCR",
}


def measure_name(name: str) -> str:
    """Return "entity_f1" as "Entity F1", "rouge_2" as "ROUGE-2", "recall@5" as "Recall@5"."""
    if name in NAMES:
        return NAMES[name]
    if found := re.fullmatch(r"rouge_(\w+?)(?:_f1?)?", name):
        return f"ROUGE-{found[1].upper()}"
    return task_name(name)


def task_name(kind: str) -> str:
    """Return "span_qa" as "Span QA", "multi_label" as "Multi-label"."""
    if kind == "multi_label":
        return "Multi-label"
    return " ".join(SHORT.get(word.lower(), word) for word in words(kind).split(" "))


def in_a_sentence(name: str) -> str:
    """Return a measure's name as it stands inside a sentence: "accuracy", but "F1" and "LAS"."""
    return lower_first(measure_name(name))


def lower_first(name: str) -> str:
    """Return a name as it stands inside a sentence; abbreviations stay as they are."""
    return name if name[1:2].isupper() or name[1:2].isdigit() else name[:1].lower() + name[1:]


def value_of(name: str, value: Any, spread: Any = None, digits: int = 4) -> str:
    """Return a measure's value and its spread over seeds; distances in kilometres."""
    if not name.endswith("_km") or not is_number(value):
        return score(value, spread, digits)
    after = f"{GLUE}±{GLUE}{three_digits(spread)}" if is_number(spread) else ""
    return f"{three_digits(value)}{after}{GLUE}km" if is_number(value) else NOT_MEASURED
