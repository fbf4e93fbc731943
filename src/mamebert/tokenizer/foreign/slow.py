"""Tokenizers without a `tokenizer.json`, opened by `transformers`: no code of theirs runs, no path is followed.

`transformers` is shown a copy that holds the files of a tokenizer and harmless settings only. So it has no code to ask
about on standard input, no name of another place, and no dictionary to load that the folder brought along.
"""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.files.disk import temporary_folder
from mamebert.tokenizer.files import TOKENIZER_FILES, VOCABULARIES, WAY_OUT, read_about
from mamebert.tokenizer.foreign.guarded import complaints_told, silence

# Those of encoders like BERT; other classes look for more than a vocabulary.
_KNOWN = (
    *("Albert", "Barthez", "Bert", "BertJapanese", "Bertweet", "BigBird", "Camembert", "Deberta", "DebertaV2"),
    *("DistilBert", "Electra", "Esm", "FNet", "Funnel", "GPT2", "Herbert", "Luke", "MPNet", "MobileBert", "Phobert"),
    *("RemBert", "Roberta", "Splinter", "SqueezeBert", "T5", "XLMRoberta", "XLNet"),
)
_SAVE = "Open it where you trust it, and give the folder that its save_pretrained writes, with a tokenizer.json."
# Endings of settings that name files and other places; vocabularies are found by the names of their files.
_PLACES = ("_file", "_files", "_path", "_dir", "_map", "_or_path", "_object", "_inputs", "_template", "_code", "_only")
_MOST_BYTES, _MOST_LINES = 2**25, 1_000_000
"""The largest in use are of half a million tokens."""
_CLASS_AND_FAMILY = ("tokenizer_class", "model_type")
_DICTIONARIES = {"ipadic": "ipadic", "unidic_lite": "unidic-lite", "unidic": "unidic"}


def open_slowly(folder: Path) -> Any:
    """Return what `transformers.AutoTokenizer` opens in `folder`, without the network; a UserError where it cannot."""
    settings, model = read_about(folder, "tokenizer_config.json"), read_about(folder, "config.json")
    _refuse_unknown_class(settings.get("tokenizer_class") or model.get("tokenizer_class"), settings, folder)
    if settings.get("tokenizer_class") == "BertJapaneseTokenizer":
        _require_japanese(settings, folder)
    with temporary_folder() as copy, complaints_told(f"{folder} cannot be opened as a tokenizer"), silence():
        for name in VOCABULARIES:
            _require_length(folder / name)
        for name in TOKENIZER_FILES:
            if (folder / name).is_file() and name not in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copyfile(folder / name, copy / name)
        (copy / "tokenizer_config.json").write_text(json.dumps(_harmless(settings)), encoding="utf-8")
        family = {name: model[name] for name in _CLASS_AND_FAMILY if isinstance(model.get(name), str)}
        if family:
            (copy / "config.json").write_text(json.dumps(family), encoding="utf-8")
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(copy, local_files_only=True, trust_remote_code=False)


def _require_length(path: Path) -> None:
    """Refuse a vocabulary that takes minutes to open and gigabytes to hold."""
    if not path.is_file():
        return
    size, lines = path.stat().st_size, 0
    if size <= _MOST_BYTES:
        lines = path.read_bytes().count(b"\n")
    if size > _MOST_BYTES or lines > _MOST_LINES:
        raise UserError(
            f"{path} has {size:,} bytes{f' in {lines:,} lines' if lines else ''}, and {_MOST_BYTES:,} in "
            f"{_MOST_LINES:,} are the most. {WAY_OUT}"
        )


def _refuse_unknown_class(name: Any, settings: dict[str, Any], folder: Path) -> None:
    known = isinstance(name, str) and name.removesuffix("Fast").removesuffix("Tokenizer") in _KNOWN
    if known or (name is None and "auto_map" not in settings):
        return
    what = "code of its own" if name is None else f"the class {name!r}"
    why = ", and nothing from a folder is ever run" if "auto_map" in settings else ", which is not opened here"
    raise UserError(f"The tokenizer of {folder} is {what}{why}. {_SAVE}")


def _harmless(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings without those that name a place."""
    kept = {
        name: value
        for name, value in settings.items()
        if not name.endswith(_PLACES) and name not in ("vocab", "merges")
    }
    if isinstance(kept.get("sp_model_kwargs"), dict):
        kept["sp_model_kwargs"] = {n: v for n, v in kept["sp_model_kwargs"].items() if not n.startswith("model_")}
    return kept


def _require_japanese(settings: dict[str, Any], folder: Path) -> None:
    """Refuse a Japanese tokenizer whose words need a package that is not there, or a dictionary of the folder's own."""
    words = settings.get("word_tokenizer_type", "basic")
    own = settings.get(f"{words}_kwargs") or {}
    if not isinstance(own, dict):
        raise UserError(f"{folder}/tokenizer_config.json is damaged ({words}_kwargs is no object). {_SAVE}")
    placed = [name for name in ("mecab_option", "sudachi_config_path", "sudachi_resource_dir") if own.get(name)]
    if placed:
        raise UserError(f"{folder} names a dictionary of its own ({placed[0]}), which is not loaded. {_SAVE}")
    if words == "mecab":
        dictionary = own.get("mecab_dic", "unidic_lite")
        if dictionary not in _DICTIONARIES:
            raise UserError(f"{folder} names MeCab's dictionary {dictionary!r}, which is not known. {_SAVE}")
        _require({"fugashi": "fugashi", dictionary: _DICTIONARIES[dictionary]}, folder)
    elif words == "sudachi":
        kind = own.get("sudachi_dict_type", "core")
        _require({"sudachipy": "sudachipy", f"sudachidict_{kind}": f"sudachidict_{kind}"}, folder)
    elif words == "jumanpp":
        _require({"rhoknp": "rhoknp"}, folder)


def _require(packages: dict[str, str], folder: Path) -> None:
    absent = [package for module, package in packages.items() if not find_spec(module)]
    if absent:
        raise UserError(
            f"The tokenizer of {folder} finds words with the package {absent[0]}, which is not installed. Install it "
            f"with: pip install {' '.join(absent)}."
        )
