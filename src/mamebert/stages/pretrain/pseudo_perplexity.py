"""Pseudo-perplexity of held-out text before the first step of a pretraining and after its last."""

from typing import Any

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.errors import UserError
from mamebert.probes.scoring.pseudo_perplexity import draw_windows, pseudo_perplexity
from mamebert.progress import say
from mamebert.results.pretrain import PerplexityChange
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.tokenizer.encoding import Tokenizer

Line = dict[str, Any]
SEED = 0  # not that of the run: all runs are asked the same


class BeforeAndAfter:
    """The held-out texts that are asked for: of the shards, and of `general_shards` to see what was forgotten."""

    def __init__(self, config: PretrainConfig, tokenizer: Tokenizer) -> None:
        num_tokens = config.measured_tokens
        self._special = tokenizer.special
        texts = {"heldout": config.shards, "general": config.general_shards} if num_tokens else {}
        opened = {name: TokenShards.open(path, "heldout") for name, path in texts.items() if path}
        if "general" in opened:
            _refuse_other_tokens(opened["general"], tokenizer)
        longest = config.objective.max_length - 2
        windows = {name: draw_windows(shards, num_tokens, longest, SEED) for name, shards in opened.items()}
        self._windows = {name: found for name, found in windows.items() if found}

    @property
    def wanted(self) -> bool:
        """Whether there is anything to measure."""
        return bool(self._windows)

    def measure(self, network: PretrainingNetwork) -> Line:
        """Return, for each text, pseudo-perplexity per token and per word: numbers for a line of metrics.jsonl."""
        line: Line = {}
        for name, windows in self._windows.items():
            found = pseudo_perplexity(network, windows, self._special)
            line |= {
                f"{name}_pseudo_perplexity": found.per_token,
                f"{name}_pseudo_perplexity_per_word": found.per_word,
                f"{name}_pseudo_perplexity_tokens": found.tokens,
                f"{name}_pseudo_perplexity_unknown": found.unknown,
            }
        return line

    def compare(self, before: Line, after: Line) -> dict[str, PerplexityChange]:
        """Return both, text by text, and say them."""
        return {name: _compared(name, before, after) for name in self._windows}


def _compared(name: str, before: Line, after: Line) -> PerplexityChange:
    key = f"{name}_pseudo_perplexity"
    found = PerplexityChange(
        before=before[key],
        after=after[key],
        per_word_before=before[f"{key}_per_word"],
        per_word_after=after[f"{key}_per_word"],
        tokens=after[f"{key}_tokens"],
        unknown=after[f"{key}_unknown"],
    )
    title = "held-out text" if name == "heldout" else "general text"
    say(f"Pseudo-perplexity of {title} ({found.tokens} tokens): {found.before:.2f} before, {found.after:.2f} after.")
    return found


def _refuse_other_tokens(general: TokenShards, tokenizer: Tokenizer) -> None:
    if Tokenizer.open(general.tokenizer_folder).tokens != tokenizer.tokens:
        raise UserError(
            f"general_shards {general.folder} have another vocabulary than the shards trained on. Tokenize the general "
            "text with the same tokenizer."
        )
    if not general.num_tokens:
        raise UserError(
            f"general_shards {general.folder} hold no held-out text. Tokenize it with a heldout_rate above 0."
        )
