"""Agreement between the files of a model's tokenizer: plain `transformers` follows several of them at once.

A class such as BertTokenizer takes the vocabulary from `tokenizer.json` and makes the rules for text itself; names and
added tokens stand in up to four files. Where they contradict each other the model was trained with one of them, and
nobody can tell with which.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.tokenizer.files import read_about
from mamebert.tokenizer.pieces import SPECIAL_NAMES

AS_DESCRIBED = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes of `transformers` that do what `tokenizer.json` says; others take the vocabulary from it and no more."""
SPECIALS = tuple(f"{name}_token" for name in SPECIAL_NAMES)
_BERT = ("Bert", "DistilBert", "Electra", "MobileBert")
_OF_KIND = {
    "BPE": ("Bertweet", "Deberta", "GPT2", "Luke", "Phobert", "Roberta"),
    "Unigram": ("Albert", "Barthez", "BigBird", "Camembert", "DebertaV2", "RemBert", "T5", "XLMRoberta", "XLNet"),
}
_FAMILIES = {
    "bert": "Bert", "camembert": "Camembert", "distilbert": "DistilBert", "electra": "Electra",
    "mobilebert": "MobileBert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta",
}  # fmt: skip
_TWO_BETWEEN = ("Bertweet", "Camembert", "Phobert", "Roberta", "XLMRoberta")
"""Those that put two [SEP] between the texts of a pair."""
_WAY_OUT = "Write the same into both, as it was when the model was trained."


def rules_of_bert(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the part `normalizer` that BertTokenizer makes of what `tokenizer_config.json` says."""
    return {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": settings.get("tokenize_chinese_chars", True),
        "strip_accents": settings.get("strip_accents"),
        "lowercase": settings.get("do_lower_case", True),
    }


def names_and_tokens(folder: Path, description: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with the names of special tokens that another file tells.

    Names that differ, and tokens that are added beside `tokenizer.json`, are a UserError.
    """
    _require_names(folder, settings)
    _require_added(folder, description, settings)
    told = read_about(folder, "special_tokens_map.json")
    return {**{name: told[name] for name in SPECIALS if told.get(name)}, **_given(settings)}


def require_rules(folder: Path, puts_nothing_around: bool) -> None:
    """Raise a UserError where plain `transformers` cuts the texts of a model otherwise than `tokenizer.json` says.

    For a tokenizer alone that file is what counts: what is saved with it names a class that does so.
    """
    if not (folder / "tokenizer.json").is_file():
        return
    settings, model = read_about(folder, "tokenizer_config.json"), read_about(folder, "config.json")
    named = settings.get("tokenizer_class")
    _require_rules(folder, read_about(folder, "tokenizer.json"), settings, named or _class_of(model))
    if puts_nothing_around and named in AS_DESCRIBED:
        raise UserError(
            f"{folder / 'tokenizer.json'} puts nothing around a text, where [CLS] and [SEP] are read here. Give it the "
            "post_processor that the model was trained with."
        )


def puts_two_between(folder: Path) -> bool:
    """Tell whether the class that a folder names puts two [SEP] between the texts of a pair."""
    named = read_about(folder, "tokenizer_config.json").get("tokenizer_class")
    return _family_of(named or _class_of(read_about(folder, "config.json"))) in _TWO_BETWEEN


def _family_of(named: object) -> str:
    return str(named).removesuffix("Fast").removesuffix("Tokenizer")


def _class_of(model: dict[str, Any]) -> str:
    kind = _FAMILIES.get(str(model.get("model_type")))
    return f"{kind}Tokenizer" if kind else ""


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _require_names(folder: Path, settings: dict[str, Any]) -> None:
    said = read_about(folder, "special_tokens_map.json")
    for name in SPECIALS:
        here, there = _content(settings.get(name)), _content(said.get(name))
        if here and there and here != there:
            raise UserError(
                f"{folder} names {there!r} as {name} in special_tokens_map.json and {here!r} in "
                f"tokenizer_config.json. {_WAY_OUT}"
            )


def _require_rules(folder: Path, description: dict[str, Any], settings: dict[str, Any], named: object) -> None:
    family = _family_of(named)
    model = description.get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    if family == "BertJapanese" or any(family in names and kind != each for each, names in _OF_KIND.items()):
        raise UserError(
            f"{folder / 'tokenizer.json'} is not read by {named}, which tokenizer_config.json names. Delete the one, "
            f"or name {AS_DESCRIBED[0]}, whichever the model was trained with."
        )
    if family in _BERT and (differing := _unlike_bert(description, settings)):
        raise UserError(
            f"{folder / 'tokenizer.json'} and what tokenizer_config.json says of {named} differ in "
            f"{differing}. {_WAY_OUT}"
        )
    if family == "Roberta" and (differing := _unlike_roberta(description, settings)):
        raise UserError(
            f"{folder / 'tokenizer.json'} and what tokenizer_config.json says of {named} differ in "
            f"{differing}. {_WAY_OUT}"
        )


def _unlike_bert(description: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return in which setting a `tokenizer.json` has other rules than BertTokenizer makes; "" where it has the same."""
    found, made = description.get("normalizer"), rules_of_bert(settings)
    if not isinstance(found, dict) or found.get("type") != made["type"]:
        return "the rules that change a text"
    if description.get("pre_tokenizer") != {"type": "BertPreTokenizer"}:
        return "the rules that find words"
    names = {
        "lowercase": "do_lower_case",
        "strip_accents": "strip_accents",
        "handle_chinese_chars": "tokenize_chinese_chars",
    }
    return next((told for part, told in names.items() if _effect(found, part) != _effect(made, part)), "")


def _unlike_roberta(description: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return in which setting a `tokenizer.json` has other rules than RobertaTokenizer makes; "" if in none."""
    if description.get("normalizer") is not None:
        return "the rules that change a text"
    found, spaced = description.get("pre_tokenizer"), settings.get("add_prefix_space", False)
    if not isinstance(found, dict) or found.get("type") != "ByteLevel" or not found.get("use_regex", True):
        return "the rules that find words"
    return "" if found.get("add_prefix_space") == spaced else "add_prefix_space"


def _effect(rules: dict[str, Any], part: str) -> Any:
    # Left open, accents go where capitals go.
    return rules.get("lowercase") if part == "strip_accents" and rules.get(part) is None else rules.get(part)


def _require_added(folder: Path, description: dict[str, Any], settings: dict[str, Any]) -> None:
    model = description.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    known = set(vocab) if isinstance(vocab, dict) else {piece[0] for piece in vocab or []}
    known |= {token["content"] for token in description.get("added_tokens") or []}
    for file, token in _added_elsewhere(folder, settings):
        if token not in known:
            raise UserError(
                f"{folder / file} adds the token {token[:60]!r}, which tokenizer.json lacks. Give the folder that "
                "save_pretrained of the whole tokenizer writes."
            )


def _added_elsewhere(folder: Path, settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    about, named = "tokenizer_config.json", ("additional_special_tokens", "extra_special_tokens")
    for name in ("added_tokens_decoder", *named):
        yield from ((about, token) for token in _texts(settings.get(name)))
    file = "special_tokens_map.json"
    said = read_about(folder, file)
    for name in named:
        yield from ((file, token) for token in _texts(said.get(name)))
    yield from (("added_tokens.json", token) for token in read_about(folder, "added_tokens.json"))


def _texts(tokens: Any) -> Iterator[str]:
    for each in tokens.values() if isinstance(tokens, dict) else tokens if isinstance(tokens, list) else ():
        if content := _content(each):
            yield content


def _content(token: Any) -> str:
    told = token.get("content") if isinstance(token, dict) else token
    return told if isinstance(told, str) else ""
