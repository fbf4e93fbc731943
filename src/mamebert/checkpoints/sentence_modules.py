"""Folders of `sentence-transformers` as they come: which modules there are, and nothing of them is executed."""

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from mamebert.checkpoints.sentence_transformers import CLASSES, OLD_MODES, Modules
from mamebert.checkpoints.weights import GET_ANEW, Array, Arrays, Stored, read_header
from mamebert.config import build
from mamebert.errors import UserError
from mamebert.files.json_files import read_object, read_value

MODULES = "modules.json"
OLD_SETTINGS = ("sentence_bert_config.json", "sentence_distilbert_config.json", "sentence_albert_config.json")
KNOWN = ("Transformer", "Pooling", "Dense", "Normalize", "StaticEmbedding")


class Module(NamedTuple):
    """One line of modules.json."""

    name: str
    """The class, without the package it is in."""
    place: Path


class SentenceFolder(NamedTuple):
    """A folder with a modules.json that has been looked at."""

    root: Path
    encoder: Path
    """The folder of the encoder, or of a table that stands in its place: the root itself, or one inside."""
    others: list[Module]
    """What follows the encoder, in order."""


def encoder_inside(root: Path) -> Path | None:
    """Return the folder of the encoder that a modules.json names; None where there is none for vectors."""
    return sentence_folder(root).encoder if _makes_vectors(root) else None


def root_of(folder: Path) -> Path | None:
    """Return where the modules.json of an encoder's folder lies: in it or, where that names it, above it."""
    for root in (folder, folder.parent):
        if encoder_inside(root) == folder:
            return root
    return None


def sentence_folder(root: Path) -> SentenceFolder:
    """Read modules.json; modules of another package, and paths that lead out of the folder, are a UserError."""
    listed = read_value(root / MODULES, GET_ANEW)
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise UserError(f"{root / MODULES} is no list of modules. Download or save it again.")
    modules = [_module(root, each) for each in listed]
    names = [module.name for module in modules]
    usual = ["StaticEmbedding"] if "StaticEmbedding" in names else ["Transformer", "Pooling"]
    usual += ["Dense"] * (names.count("Dense") if len(usual) > 1 else 0)
    if names not in (usual, [*usual, "Normalize"]):
        raise UserError(
            f"{root / MODULES} lists {', '.join(names[:9]) or 'nothing'}, and what is known is Transformer, "
            "Pooling, any number of Dense and perhaps Normalize, in this order, or StaticEmbedding and perhaps "
            "Normalize. Give another model."
        )
    return SentenceFolder(root, modules[0].place, modules[1:])


def read_modules(root: Path, longest: int) -> Modules:
    """Return what a folder does with the vectors of tokens; what is not known is a UserError.

    `longest` is what the encoder reads, in tokens.
    """
    folder = sentence_folder(root)
    told = _settings_of(folder)
    if not any(each.name == "Pooling" for each in folder.others):
        raise UserError(
            f"{root} holds a table of word vectors (StaticEmbedding) and no encoder; nothing learns from it. Ask "
            "it for vectors as it is, or give an encoder."
        )
    pooling, *others = folder.others
    about = _object(root / "config_sentence_transformers.json")
    told_prompts = about.get("prompts")
    prompts = {name: text or "" for name, text in told_prompts.items()} if isinstance(told_prompts, dict) else {}
    found = {
        "pooling": _modes(pooling.place / "config.json"),
        "dense": [_dense(each.place) for each in others if each.name == "Dense"],
        "normalize": any(each.name == "Normalize" for each in others),
        "max_length": _max_length(folder.encoder, told, longest),
        "do_lower_case": bool(told.get("do_lower_case")) and not _lowers(folder.encoder),
        "prompts": prompts,
        "default_prompt_name": about.get("default_prompt_name") or "",
    }
    try:
        return build(Modules, found)
    except UserError as error:
        raise UserError(f"{root} has invalid modules: {error} Give another model.") from error


def dense_arrays(root: Path) -> list[dict[str, Array]]:
    """Return the arrays of every Dense module, in order: `linear.weight` and perhaps `linear.bias`."""
    places = [each.place for each in sentence_folder(root).others if each.name == "Dense"]
    return [dict(Arrays(_header(place))) for place in places]


def _makes_vectors(root: Path) -> bool:
    """Tell whether there are modules, and not those of a CrossEncoder, which is a plain class with a head."""
    if not (root / MODULES).is_file():
        return False
    return bool(_object(root / "config_sentence_transformers.json").get("model_type") != "CrossEncoder")


def _module(root: Path, told: dict[str, Any]) -> Module:
    kind, path = told.get("type"), told.get("path")
    if not isinstance(kind, str) or not isinstance(path, str):
        raise UserError(f"{root / MODULES} has a module without type or path. Download or save it again.")
    package, _, name = kind.rpartition(".")
    if package.partition(".")[0] != "sentence_transformers" or name not in KNOWN:
        raise UserError(
            f"{root / MODULES} names a module {kind!r}, and only {', '.join(KNOWN)} of sentence_transformers are "
            "known. No code of a model folder is run; give another model."
        )
    outside = path.startswith(("/", "\\")) or PureWindowsPath(path).drive
    if outside or ".." in (*PurePosixPath(path).parts, *PureWindowsPath(path).parts) or "\0" in path:
        raise UserError(
            f"{root / MODULES} names a path {path!r} that leads out of the folder. Download or save it again."
        )
    return Module(name, root / path)


def _settings_of(folder: SentenceFolder) -> dict[str, Any]:
    found = next((path for name in OLD_SETTINGS if (path := folder.encoder / name).is_file()), None)
    told = _object(found) if found else {}
    task = told.get("transformer_task", "feature-extraction")
    if task != "feature-extraction":
        raise UserError(f"{found} is made for {task!r}, and only feature-extraction gives vectors. Give another model.")
    return told


def _max_length(encoder: Path, told: dict[str, Any], longest: int) -> int:
    given = told.get("max_seq_length") or _object(encoder / "tokenizer_config.json").get("model_max_length")
    return int(min(longest, given)) if isinstance(given, int | float) and given > 0 else longest


def _modes(path: Path) -> list[Any]:
    told = _object(path)
    if told.get("include_prompt", True) is not True:
        raise UserError(f"{path} leaves prompts out of the pooling (include_prompt), which is not known. Give another.")
    modes = told.get("pooling_mode") or [mode for name, mode in OLD_MODES.items() if told.get(name)] or ["mean"]
    modes = modes if isinstance(modes, list) else [modes]
    if len(modes) > len(OLD_MODES):
        raise UserError(f"{path} names {len(modes)} ways of pooling, and there are {len(OLD_MODES)}. {GET_ANEW}")
    return modes


def _dense(place: Path) -> dict[str, Any]:
    path = place / "config.json"
    told = _object(path)
    bends = told.get("activation_function", "torch.nn.modules.activation.Tanh")
    names = {told.get(f"module_{which}_name") or "sentence_embedding" for which in ("input", "output")}
    known = isinstance(bends, str) and bends in CLASSES
    if not known or names != {"sentence_embedding"} or told.get("use_residual"):
        what = f"the activation {bends!r}" if not known else "inputs, outputs or a residual of its own"
        raise UserError(f"{path} asks for {what}, which is not known. Give another model.")
    stored = _header(place).get("linear.weight")
    if stored is None or stored.shape[:1] != (told.get("out_features"),):
        raise UserError(f"{path} asks for {told.get('out_features')} outputs, which its weights have not. {GET_ANEW}")
    given: dict[str, Any] = {name: told[name] for name in ("out_features", "bias") if name in told}
    return {**given, "activation": CLASSES[bends]}


def _header(place: Path) -> dict[str, Stored]:
    weights = place / "model.safetensors"
    if not weights.is_file():
        raise UserError(
            f"{place} has no model.safetensors. A pickle can run code and is never loaded: save the model again with "
            "a sentence-transformers of 2.3 or newer."
        )
    return read_header(weights)


def _lowers(encoder: Path) -> bool:
    """Tell whether the tokenizer makes letters small by itself; the library asks for it only where it does not."""
    path = encoder / "tokenizer.json"
    if not path.is_file():  # tokenizers written in Python are not told
        return True
    waiting = [_object(path).get("normalizer")]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("type") == "Lowercase" or each.get("lowercase") is True:
                return True
            waiting += each.get("normalizers") or []
    return False


def _object(path: Path) -> dict[str, Any]:
    return read_object(path, GET_ANEW) if path.exists() else {}
