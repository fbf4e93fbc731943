"""A few lines of code that open each form of a model made smaller."""

import json
from dataclasses import dataclass
from pathlib import Path

from mamebert.reports.readings.compressions import Compression, FormMeasured
from mamebert.results.labelled import RowsResults
from mamebert.runs import Run

PLAIN = "transformers "
VECTORS = "sentence_embeddings"
SENTENCES = "sentence-transformers"


@dataclass(frozen=True)
class Use:
    """A way to open a form."""

    caption: str
    code: str


def uses(run: Run, folder: Path) -> list[Use]:
    """Return the code that opens what lies in `folder`: the model's own, which has all forms, or that of one form.

    None where no form is known.
    """
    it = Compression(run)
    forms = _forms_in(it, folder)
    return list(dict.fromkeys(_use(form, _path(form, folder), folder, it) for form in forms))


def _forms_in(it: Compression, folder: Path) -> list[FormMeasured]:
    forms = [form for form in (it.result.forms if it.result else []) if form.told]
    return [form for form in forms if _is_of(form, folder)] or forms


def _is_of(form: FormMeasured, folder: Path) -> bool:
    """Tell whether this is the folder of one form, within that of the model."""
    parts = Path(form.place).parts
    return bool(parts) and folder.parts[-len(parts) :] == parts


def _path(form: FormMeasured, folder: Path) -> str:
    return folder.name if form.place == "." or _is_of(form, folder) else f"{folder.name}/{form.place}"


def _use(form: FormMeasured, path: str, folder: Path, it: Compression) -> Use:
    if form.name == "plain":
        return _use_vectors(path) if SENTENCES in form.opens_with else _use_plain(form, path)
    if form.name in ("onnx", "onnx_int8") and it.results.task != VECTORS and not _has_more(folder / form.place):
        return _use_graph(form, path)
    path = path.removesuffix(form.place).rstrip("/") or "."
    return _use_ours(path, it)


def _has_more(graph: Path) -> bool:
    """Tell whether a graph ends with vectors of tokens, of which what lies beside it makes answers."""
    return any(graph.parent.glob(f"{graph.stem}_*"))


def _use_plain(form: FormMeasured, path: str) -> Use:
    told = form.opens_with.removeprefix(PLAIN).partition(",")
    name = told[0] if form.opens_with.startswith(PLAIN) else "AutoModel"
    return Use(f"Plain transformers{told[1]}{told[2]}:", plain_code(name, path))


def plain_code(name: str, path: str) -> str:
    """Return the code that asks a class of plain transformers; one for choices reads all of a question at once."""
    asked = """print(model(**tokenizer("…", return_tensors="pt")))"""
    if "MultipleChoice" in name:
        asked = """\
inputs = tokenizer(["…", "…"], ["…", "…"], padding=True, return_tensors="pt")  # a question, twice, and two choices
print(model(**{key: value[None] for key, value in inputs.items()}))"""
    return f"""\
from transformers import AutoTokenizer, {name}

tokenizer = AutoTokenizer.from_pretrained("{path}")  # the path of this folder
model = {name}.from_pretrained("{path}")
{asked}"""


def _use_vectors(path: str) -> Use:
    code = f"""\
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{path}")
print(model.encode(["…"]))"""
    return Use("The library sentence-transformers:", code)


def _use_graph(form: FormMeasured, path: str) -> Use:
    folder = path.removesuffix(form.place).rstrip("/") or "."
    code = f"""\
import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # 1.29 and later report to their makers, unless told so before the import
import onnxruntime
from transformers import AutoTokenizer

options = onnxruntime.SessionOptions()
# On x86 without VNNI, for the same answers: options.add_session_config_entry("session.x64quantprecision", "1")
inputs = AutoTokenizer.from_pretrained("{folder}")("…", return_tensors="np")
graph = onnxruntime.InferenceSession("{path}", options)
print(graph.run(None, {{each.name: inputs[each.name] for each in graph.get_inputs()}}))"""
    return Use(
        "ONNX Runtime, whose kernels compute with integers:" if form.name == "onnx_int8" else "ONNX Runtime:", code
    )


def _use_ours(path: str, it: Compression) -> Use:
    row = example_rows(it.results) if it.results.task != "masked_lm" else '"… [MASK] …"'
    return Use("With mamebert:", f'import mamebert\n\nmodel = mamebert.load("{path}")\nprint(model({row}))')


def example_rows(results: RowsResults) -> str:
    """Return a list of one row, as Python, that a model of a run can be asked."""
    row = results.example or dict.fromkeys(results.columns or ["text"], "…")
    return json.dumps([row], ensure_ascii=False)
