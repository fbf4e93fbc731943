"""The table an encoder can take as its token embeddings: row i is the vector of vocabulary id i."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError

from mamebert.errors import UserError
from mamebert.files.checksums import seal, verify
from mamebert.files.disk import hash_file, save_tensors, write_bytes
from mamebert.files.json_files import require_ordinary
from mamebert.tokenizer.pieces import SPECIAL_TOKENS
from mamebert.word2vec.cbow import LearntVectors

FILE = "vectors.safetensors"
WRITTEN = (FILE, "vocab.txt")
# The standard deviation with which BERT draws its embeddings (Devlin et al., 2019; `initializer_range`).
INITIALIZER_RANGE = 0.02

Scale = Literal["unit", "init", "none"]


@dataclass(frozen=True)
class VectorTable:
    """One vector for every id of a vocabulary, and how each came about."""

    vectors: npt.NDArray[np.float32]
    """Vocabulary size x vector size."""
    learnt: npt.NDArray[np.bool_]
    """For each id, whether its vector was learnt; the other rows are random, and [PAD] is zero."""
    counts: npt.NDArray[np.int64]
    """How often each id occurs in the text behind the table."""
    tokens: list[str]
    """The vocabulary, in the order of ids."""
    vocabulary_sha256: str
    """Hash of vocab.txt."""
    weights: npt.NDArray[np.float32] | None = None
    """For each id, how much it counts in the vector of a document, 0 or more, where that was learnt (`contrast`)."""

    @classmethod
    def align(cls, found: LearntVectors, vocabulary: Path, seed: int) -> Self:
        """Put what word2vec learnt into the order of `vocabulary` (a vocab.txt), and fill the other rows.

        They are drawn from N(0, s) with s the standard deviation of the numbers in the learnt rows, so that
        they have about the same length; [PAD] is zero.
        """
        tokens = read_vocabulary(vocabulary)
        if len(tokens) != len(found.counts):
            raise UserError(
                f"{vocabulary} has {len(tokens)} tokens and the shards were made with {len(found.counts)}. "
                "Run `mamebert tokenize` again."
            )
        shape = (len(tokens), found.matrix.shape[1])
        vectors = np.random.default_rng(seed).normal(0.0, found.matrix.std(), shape).astype(np.float32)
        vectors[found.ids] = found.matrix
        learnt = np.zeros(len(tokens), dtype=bool)
        learnt[found.ids] = True
        if "[PAD]" in tokens:
            vectors[tokens.index("[PAD]")] = 0.0
        return cls(vectors, learnt, found.counts, tokens, hash_file(vocabulary))

    @classmethod
    def open(cls, run_folder: Path | str) -> Self:
        """Return the table in the output folder of `mamebert vectors`, or of `mamebert contrast`."""
        folder = Path(run_folder)
        if not (folder / FILE).exists():
            raise UserError(
                f"{folder} holds no {FILE}. Give the output folder of `mamebert vectors` or `mamebert contrast`."
            )
        verify(folder, WRITTEN)
        try:
            table = cls._read(folder)
            table._require_whole()
        except (SafetensorError, KeyError, OSError, ValueError) as error:
            raise UserError(
                f"{folder} is damaged ({error}). Delete it and run the command again that made it."
            ) from error
        return table

    @classmethod
    def _read(cls, folder: Path) -> Self:
        from safetensors.numpy import load_file

        for name in WRITTEN:
            require_ordinary(folder / name)
        arrays, vocabulary = load_file(folder / FILE), folder / "vocab.txt"
        return cls(
            vectors=arrays["word_embeddings"],
            learnt=arrays["learnt"].astype(bool),
            counts=arrays["counts"],
            tokens=read_vocabulary(vocabulary),
            vocabulary_sha256=hash_file(vocabulary),
            weights=arrays.get("weights"),
        )

    def _require_whole(self) -> None:
        rows = len(self.tokens)
        shapes = self.vectors.shape[:-1], self.learnt.shape, self.counts.shape
        if self.vectors.dtype != np.float32 or self.counts.dtype != np.int64 or set(shapes) != {(rows,)}:
            raise ValueError(f"{rows} tokens, and vectors, counts or what was learnt are not as many")
        if not np.isfinite(self.vectors).all():
            raise ValueError("some of the vectors are no numbers")
        if self.weights is not None:
            is_one_each = self.weights.shape == (rows,) and self.weights.dtype == np.float32
            if not (is_one_each and np.isfinite(self.weights).all() and (self.weights >= 0).all()):
                raise ValueError(f"{rows} tokens, and not a weight of 0 or more for each")

    def save(self, folder: Path) -> None:
        """Write vectors.safetensors (`word_embeddings`, `learnt`, `counts`, perhaps `weights`) and vocab.txt."""
        arrays = {
            "word_embeddings": np.ascontiguousarray(self.vectors, dtype=np.float32),
            "learnt": self.learnt.astype(np.uint8),
            "counts": self.counts,
            **({} if self.weights is None else {"weights": self.weights}),
        }
        vocabulary = "".join(token + "\n" for token in self.tokens)
        save_tensors(folder / FILE, arrays)
        write_bytes(folder / "vocab.txt", vocabulary.encode())
        seal(folder, WRITTEN)

    def coverage(self, num_missing_shown: int = 20) -> dict[str, Any]:
        """Return how much of the vocabulary and of the text has a learnt vector, and which tokens have none.

        Special tokens never occur in shards, so they are listed apart.
        """
        missing = [self.tokens[i] for i in np.flatnonzero(~self.learnt)]
        others = [token for token in missing if token not in SPECIAL_TOKENS]
        return {
            "num_rows": len(self.tokens),
            "num_rows_learnt": int(self.learnt.sum()),
            "rows_learnt_rate": float(self.learnt.mean()),
            "num_tokens": int(self.counts.sum()),
            "tokens_covered_rate": float(self.counts[self.learnt].sum() / max(self.counts.sum(), 1)),
            "missing_special": [token for token in missing if token in SPECIAL_TOKENS],
            "num_missing": len(others),
            "missing": others[:: max(1, len(others) // num_missing_shown)][:num_missing_shown],
        }

    def scaled(self, mode: Scale) -> npt.NDArray[np.float32]:
        """Return the vectors as they are ("none"), or multiplied by one number, so that proportions stay as learnt.

        The learnt rows then have a mean norm of 1 ("unit"), or of 0.02 * sqrt(width), as an encoder's own
        embeddings have at the start ("init"). [PAD] stays zero.
        """
        if mode == "none":
            return self.vectors.copy()
        wanted = 1.0 if mode == "unit" else INITIALIZER_RANGE * sqrt(self.vectors.shape[1])
        norm = float(np.linalg.norm(self.vectors[self.learnt], axis=1).mean())
        return (self.vectors * np.float32(wanted / norm)).astype(np.float32)

    def check(self, vocab_size: int, hidden_size: int, vocabulary: Path | None = None) -> None:
        """Raise a UserError unless the table fits an encoder of that size and, where given, that vocab.txt."""
        rows, width = self.vectors.shape
        require_width(width, hidden_size)
        if rows != vocab_size:
            raise UserError(
                f"The word vectors are for a vocabulary of {rows} tokens and the encoder's has {vocab_size}. "
                "Make both from the same token shards."
            )
        if vocabulary is not None and hash_file(vocabulary) != self.vocabulary_sha256:
            raise UserError(
                f"The word vectors were made with another vocabulary than {vocabulary}, though of the same size. "
                "Make both from the same token shards."
            )


def require_width(width: int, hidden_size: int) -> None:
    """Raise a UserError where vectors so wide are no token embeddings of an encoder."""
    if width != hidden_size:
        raise UserError(
            f"The word vectors are {width} wide and the encoder's hidden_size is {hidden_size}. "
            f"Make vectors with cbow.vector_size={hidden_size}, or an encoder with hidden_size={width}."
        )


def read_vocabulary(path: Path) -> list[str]:
    """Return the tokens of a vocab.txt; the line number is the id."""
    # Not splitlines(): a token may be a character that Python takes for a line end, such as U+2028.
    return path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
