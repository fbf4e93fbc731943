"""The model card (README.md) of a saved model: what it is, how to open it, what it was made from, what it reached."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from mamebert.checkpoints.layouts import OURS
from mamebert.checkpoints.static_embedding import is_static
from mamebert.config import walk
from mamebert.errors import UserError
from mamebert.files.json_files import read_object
from mamebert.files.names import file_name
from mamebert.progress import say
from mamebert.reports.card.compression import compress_limits, what_it_is
from mamebert.reports.card.sections import card_sections
from mamebert.reports.card.usage import SENTENCES, Use, example_rows, plain_code, uses
from mamebert.reports.page.row_notes import row_notes
from mamebert.reports.readings.compressions import Compression
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.pretrainings import Pretrained, model_name
from mamebert.reports.readings.run_json import MISREAD, finite, listed, record_of, runs_behind, value_at
from mamebert.reports.text.names import lower_first
from mamebert.reports.text.number_format import amount, count, percent
from mamebert.reports.text.render import language, render_markdown
from mamebert.results.contrast import ContrastResults
from mamebert.results.labelled import LabelledResults, RowsResults
from mamebert.results.pretrain import Parameters, PretrainResults
from mamebert.runs import Run
from mamebert.tasks.bag.folder import is_bag

Kind = Literal["pretrain", "contrast", "finetune", "compress"]
# What a plain transformers class is for: (words in its name, pipeline, class that opens it).
USES = (
    ("SequenceClassification", "text-classification", "AutoModelForSequenceClassification"),
    ("TokenClassification", "token-classification", "AutoModelForTokenClassification"),
    ("QuestionAnswering", "question-answering", "AutoModelForQuestionAnswering"),
    ("MultipleChoice", "multiple-choice", "AutoModelForMultipleChoice"),
    ("MaskedLM", "fill-mask", "AutoModelForMaskedLM"),
    ("LMHeadModel", "text-generation", "AutoModelForCausalLM"),
    ("ElectraForPreTraining", None, "AutoModelForPreTraining"),
    ("PreTraining", "fill-mask", "AutoModelForMaskedLM"),
)

ASKED = {
    "masked_lm": "masked words",
    "masked_lm_nsp": "masked words, next sentence",
    "masked_lm_sop": "masked words, order of sentences",
    "masked_lm_sso": "masked words, next, previous or random sentence",
    "all_token_lm": "all words, of which a generator replaced some",
    "left_to_right_lm": "the next word",
    "replaced_token_detection": "which words a generator replaced",
}
"""What a pretraining asked, by its objective's kind."""


def model_card(
    run: Run, model_folder: Path, kind: Kind, *, licence: str | None = None, tongue: str | None = None
) -> str:
    """Return the text of README.md for the model in `model_folder`, made by `run`, which need not be finished.

    `licence` is only written when it is given: who owns the text decides. `tongue` is the language code;
    by default it is what an earlier stage was told, or "ja" where the vocabulary has kana. Of earlier runs whose
    records cannot be read nothing is told: a card is written at the end of long work.
    """
    try:
        return _card(run, runs_behind(run), model_folder, kind, licence, tongue)
    except MISREAD as error:
        say(f"The card of {model_folder} tells nothing of earlier runs: their records are damaged ({error}).")
        return _card(run, [], model_folder, kind, licence, tongue)


def _card(run: Run, behind: list[Run], model_folder: Path, kind: Kind, licence: str | None, tongue: str | None) -> str:
    origins = _origins(run, behind, model_folder)
    config = _read_json(model_folder / "config.json")
    is_ours = config.get("model_type") == OURS and kind != "compress"  # whose forms tell what opens them
    has_modules = (model_folder / "modules.json").is_file() and not is_ours
    is_alone = is_bag(config) or is_ours or (is_static(config) and not has_modules)
    pipeline, auto_class = ("sentence-similarity", SENTENCES) if has_modules else _use(config, run, kind)
    tokenizer = _read_json(model_folder / "tokenizer_config.json")
    ways = uses(run, model_folder) if kind == "compress" else []
    return render_markdown(
        "model_card.md.jinja",
        front=front_matter(
            tongue or _language(run, behind, model_folder),
            licence,
            pipeline,
            "mamebert" if is_alone else _library(ways, has_modules),
            is_bert=not (is_bag(config) or is_static(config)),
        ),
        is_alone=is_alone,
        is_bag=is_bag(config),
        is_ours=is_ours,
        is_static=is_static(config),
        name=_name(run, model_folder, kind),
        ways=ways,
        kind=kind,
        what=_what(run, behind, origins, kind, is_bag(config)),
        auto_class=auto_class,
        pipeline=pipeline,
        folder=model_folder.name,
        row=example_rows(RowsResults.read(run.results)),
        plain=plain_code(auto_class, model_folder.name),
        mask=tokenizer.get("mask_token") if isinstance(tokenizer.get("mask_token"), str) else "[MASK]",
        needs_mecab="Japanese" in str(tokenizer.get("tokenizer_class", "")),  # others have words cut by pieces alone
        sections=card_sections(run, behind, config, kind),
        limits=[*_reading(config), *_limits(run, kind, model_folder)],
        citation=_citation(run),
        fixed=any(_has_fixed_embeddings(r) for r in origins),
    )


def front_matter(
    tongue: str | None, licence: str | None, pipeline: str | None, library: str = "transformers", is_bert: bool = True
) -> str:
    """Return the YAML header that the Hugging Face Hub reads."""
    from huggingface_hub import ModelCardData

    tags = [*(["bert"] if is_bert else []), "mamebert"]
    tags += [library, "feature-extraction"] if library == SENTENCES else []
    data = ModelCardData(language=tongue, license=licence, library_name=library, tags=tags, pipeline_tag=pipeline)
    return str(data.to_yaml())


def _name(run: Run, folder: Path, kind: Kind) -> str:
    if kind == "compress":
        return f"{run.final.name}: {Compression(run).name}"
    return model_name(run) if kind == "pretrain" else f"{run.final.name}, {folder.name}"


def _has_fixed_embeddings(pretraining: Run) -> bool:
    parameters = PretrainResults.read(pretraining.results).parameters
    return bool(parameters and parameters.frozen)


def _library(ways: Sequence[Use], has_modules: bool) -> str:
    """Return the library that opens a folder before others, as the Hub calls it."""
    code = ways[0].code if ways else SENTENCES if has_modules else "transformers"
    names = {"onnxruntime": "onnx", "mamebert": "mamebert", "sentence_transformers": SENTENCES, SENTENCES: SENTENCES}
    return next((called for name, called in names.items() if name in code), "transformers")


def _use(config: dict[str, Any], run: Run, kind: Kind) -> tuple[str | None, str]:
    sequences = "classification" in (RowsResults.read(run.results).task or "")
    expected = "MaskedLM" if kind == "pretrain" else "SequenceClassification" if sequences else ""
    name = str((listed(config, "architectures") or [expected])[0])
    return next(((pipeline, auto) for words, pipeline, auto in USES if words in name), (None, "AutoModel"))


def _origins(run: Run, behind: list[Run], model_folder: Path) -> list[Run]:
    """Return the pretraining runs this model may come from; its folder's name tells N from W where there are both."""
    pretrained = [r for r in (run, *behind) if r.command == "pretrain"]
    starts = {str(value_at(r.inputs, "start.id", "")).partition("/")[0] for r in pretrained}
    found = [r for r in pretrained if r.id not in starts]  # the model comes from what was made of them
    told = set(re.split(r"[^0-9A-Za-z]+", "/".join(model_folder.parts[-2:])))
    named = [r for r in found if Pretrained(r, model_name(r)).side in told]
    return named if len(named) == 1 else found


def _what(run: Run, behind: list[Run], origins: list[Run], kind: Kind, is_bag: bool) -> str:
    if kind == "compress":
        return what_it_is(run)
    if kind == "contrast":
        return _what_vectors(run)
    if kind == "finetune":
        task = Task(run, [], [])
        if is_bag:
            read = "the pieces of a whole text, beside the vector that word vectors make of it"
            return f"A linear classifier on {read}, fitted for {lower_first(task.kind)} ({task.title})."
        names = list(dict.fromkeys(model_name(r) for r in origins))
        base = f", from {'one of ' if len(names) > 1 else ''}{', '.join(names)}" if names else ""
        return f"A BERT fine-tuned for {lower_first(task.kind)} ({task.title}){base}."
    parameters = PretrainResults.read(run.results).parameters or Parameters()
    total, fixed = parameters.total, parameters.frozen
    size = f" of {amount(total)} parameters" if total is not None else ""
    embeddings = (
        f" Its token embeddings ({amount(fixed)} of the parameters) are fixed word2vec vectors." if fixed else ""
    )
    asked = _asked(run)
    return f"A small BERT{size}, pretrained {_beginning(run, behind)} ({asked}).{embeddings}"


def _what_vectors(run: Run) -> str:
    results = ContrastResults.read(run.results)
    words = f" for each of {count(results.num_words)} words" if results.num_words is not None else ""
    numbers = f"{results.vector_size} numbers" if results.vector_size is not None else "a vector"
    return (
        f"Vectors of texts without an encoder: {numbers}{words}, whose mean over a text, brought to length 1, is the "
        "vector of the text. They were learnt from unlabelled text, so that two crops of one document lie near each "
        "other."
    )


def _asked(run: Run) -> str:
    kind = str(value_at(run.settings, "objective.kind"))
    if kind == "contrast":
        words = "masked words, " if value_at(run.settings, "objective.masked_lm_weight") else ""
        return f"{words}crops of one document that find each other"
    return ASKED.get(kind, ASKED["masked_lm_nsp"])


def _beginning(run: Run, behind: list[Run]) -> str:
    start, number = value_at(run.settings, "start"), str(value_at(run.inputs, "start.id", "")).partition("/")[0]
    if not start:
        return "from scratch"
    known = [f"{model_name(r)}, " for r in behind if r.id == number and r.command == "pretrain"]
    return f"further from what another had learnt, {''.join(known)}`{start}`"


def _limits(run: Run, kind: Kind, folder: Path) -> list[str]:
    labelled = LabelledResults.read(run.results if kind == "finetune" else {})
    only = next((model.name for model in labelled.models if file_name(model.name) == folder.name), "")
    limits = compress_limits(run) if kind == "compress" else []
    if kind == "contrast":
        limits.append("It knows nothing of the order of words, and nothing of words that its text did not have.")
    if kind == "pretrain":
        results = PretrainResults.read(run.results)
        tokens = results.tokens or sum(finite(epoch.tokens for epoch in results.epochs))
        seen = f"It read {amount(tokens)} tokens, counted over all epochs" if tokens else "It read little text"
        limits.append(
            f"{seen}: far less than the large public models. Expect it to know the words of its corpus and few facts."
        )
    seeds = [Compression(run).seeds] if kind == "compress" else [model.seeds for model in labelled.models]
    cut = max(finite(model.truncated_share for model in labelled.models), default=None)
    if cut:
        limits.append(f"{percent(cut)} of the labelled texts are longer than it reads at once.")
    if any(model.seen_test_text for model in labelled.models):
        limits.append(
            "The texts of the test rows, without labels, were part of the pretraining text of models measured here."
        )
    limits += row_notes(labelled, only)
    if any(num_seeds == 1 for num_seeds in map(len, seeds)):
        limits.append("Its scores were measured with one seed only: their spread is not known.")
    limits.append("It repeats what its training text says, biases included; nobody has examined them for this model.")
    return limits


def _reading(config: dict[str, Any]) -> list[str]:
    """Return what plain transformers leaves to its caller: a long text is read in several sequences."""
    chunks, longest = value_at(config, "mamebert.task.chunks"), value_at(config, "mamebert.task.max_length")
    if not isinstance(chunks, int) or chunks < 2:
        return []
    return [
        f"A text of more than {longest} tokens is read in up to {chunks} chunks, and the mean of their logits answers. "
        "Plain transformers gives the logits of what it is shown: cut texts yourself, or ask mamebert."
    ]


def _citation(run: Run) -> str:
    """Return the entry of the program; who publishes the model adds theirs."""
    number = value_at(record_of(run), "versions.mamebert", "")
    told = f", version = {{{number}}}" if number else ""
    return f"@software{{mamebert, title = {{mamebert: from raw text to a small BERT}}, year = {{2026}}{told}}}"


def _language(run: Run, behind: list[Run], model_folder: Path) -> str | None:
    for each in (run, *behind):
        for name, value in walk(each.settings):
            if name.rpartition(".")[2] == "language" and isinstance(value, str) and len(value) in (2, 3):
                return value
    try:
        vocabulary = (model_folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    with_kana = sum(bool(language(entry)) for entry in vocabulary)
    return "ja" if with_kana > len(vocabulary) / 20 else None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_object(path, "", finite=False)
    except (UserError, OSError):
        return {}
