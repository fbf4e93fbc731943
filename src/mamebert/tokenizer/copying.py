"""A tokenizer taken along with a model, so that plain `transformers` gives the ids that the model has learnt."""

import json
import shutil
from pathlib import Path

from mamebert.files.disk import disk_errors, write_text
from mamebert.tokenizer.agreement import AS_DESCRIBED, rules_of_bert
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.files import TOKENIZER_FILES, VOCABULARIES, read_about
from mamebert.tokenizer.foreign.slow import open_slowly


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copy a tokenizer; one whose files do not say of what kind it is gets files that do.

    A folder of `vocab.json` and `merges.txt` is told by the model's family only, and beside a model of another family
    plain `transformers` would not look at them.
    """
    settings = read_about(source, "tokenizer_config.json")
    described = (source / "tokenizer.json").is_file()
    with disk_errors(target):
        target.mkdir(exist_ok=True)
        for name in TOKENIZER_FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, target / name)
        told = described or settings.get("tokenizer_class")
        if not told and any((source / name).is_file() for name in VOCABULARIES):
            open_slowly(source).save_pretrained(target)
        elif described and not _does_as_described(source, settings.get("tokenizer_class")):
            named = {name: value for name, value in settings.items() if name != "auto_map"}
            text = json.dumps({**named, "tokenizer_class": AS_DESCRIBED[0]}, ensure_ascii=False, indent=2)
            write_text(target / "tokenizer_config.json", text + "\n")
        if described:
            _put_marks_around(source, target)


def _put_marks_around(source: Path, target: Path) -> None:
    """Let plain `transformers` put [CLS] and [SEP] around a text as is done here, where no file says that it does."""
    about, tokenizer = read_about(target, "tokenizer_config.json"), Tokenizer.open(source)
    if not tokenizer.puts_nothing_around or about.get("tokenizer_class") not in AS_DESCRIBED:
        return
    description = read_about(source, "tokenizer.json")
    cls, sep = ([tokenizer.tokens[number], number] for number in (tokenizer.cls_id, tokenizer.sep_id))
    description["post_processor"] = {"type": "BertProcessing", "sep": sep, "cls": cls}
    write_text(target / "tokenizer.json", json.dumps(description, ensure_ascii=False))


def _does_as_described(source: Path, name: str | None) -> bool:
    """Say whether a class of `transformers` makes of a folder what its `tokenizer.json` says."""
    if name in AS_DESCRIBED:
        return True
    if name not in ("BertTokenizer", "BertTokenizerFast"):
        return False
    settings, description = read_about(source, "tokenizer_config.json"), read_about(source, "tokenizer.json")
    wanted = (rules_of_bert(settings), {"type": "BertPreTokenizer"})
    return (description.get("normalizer"), description.get("pre_tokenizer")) == wanted
