"""What is known of encoders for one language: the settings of their papers, and where each number is from.

The one place of it: `mamebert init` and recipes/lang/*.toml are both written from it. What a source does not tell is
not said here; `bert` fills it in for the variant `paper`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mamebert.corpus.filters.presets import Preset
from mamebert.corpus.filters.writing import base, scripts_of

Settings = Mapping[str, Any]
BERT = "Devlin et al., 2019"
SHORT, LONG = 128, 512
"""Tokens of a sequence, in the first nine tenths of the steps of BERT and in the last."""
MANY_LETTERS = ("CJK", "HANGUL", "ETHIOPIC", "YI")
"""Scripts of so many characters that they alone fill a small vocabulary."""


@dataclass(frozen=True)
class Language:
    """How encoders for a language are made."""

    code: str
    """ISO 639."""
    name: str
    model: str
    """The encoder whose paper is followed, and the paper."""
    sources: tuple[str, ...] = ()
    """What is known of it and where from, a paragraph each."""
    preset: Preset = "basic"
    """Filters."""
    cleaning: Settings = field(default_factory=dict)
    vocabulary: Settings = field(default_factory=lambda: {"kind": "wordpiece"})
    most_pieces: int = 32_000
    """Size of the paper's vocabulary; smaller texts get a smaller one."""
    objective: Settings = field(default_factory=lambda: {"kind": "masked_lm_nsp"})
    paper: Settings = field(default_factory=dict)
    """What the variant `paper` has otherwise than BERT, by `stage.setting`."""

    @property
    def least_pieces(self) -> int:
        """Size of the vocabulary of a small text."""
        return 8_000 if set(scripts_of(self.code)) & set(MANY_LETTERS) else 4_000


WIKIBERT = (
    "WikiBERT's pipeline (spyysalo/wiki-bert-pipeline): documents of 3 sentences and 30 words or more, and other "
    'heuristics, which filters.preset = "wikibert" has; SentencePiece BPE of 20,000 pieces, as WordPiece; whole '
    "words asked for.",
    "Our WordPiece joins the most frequent pairs, as BPE does.",
)
GAPS = "What is not told here is not known to us, and is BERT's in the variant `paper`."
WHOLE_WORDS = {"mask_unit": "word"}

KNOWN = (
    Language(
        code="ja",
        name="Japanese",
        model="Tohoku BERT v3 (cl-tohoku/bert-japanese)",
        sources=(
            "cl-tohoku/bert-japanese, v3: MeCab and WordPiece of 32,768 pieces, with 7,012 characters at most; "
            "whole words asked for; sequences of 128 tokens, then 512.",
            "NFKC makes full-width letters and half-width kana ordinary.",
        ),
        cleaning={"normalise": "NFKC"},
        vocabulary={"kind": "wordpiece", "words": "mecab"},
        most_pieces=32_768,
        objective={"kind": "masked_lm", **WHOLE_WORDS},
        paper={"vocab.vocabulary.limit_alphabet": 7_012},
    ),
    Language(
        code="ga",
        name="Irish",
        model="gaBERT (Barry et al., 2022)",
        sources=(
            "jbrry/Irish-BERT: 7.9 M sentences; of these 1 to 100 words, none of more than 40 characters, no HTML, "
            "Latin letters alone, Irish by langid and CLD2 at 0.8, less than 0.4 of the characters marks or digits;"
            " a SentencePiece vocabulary of about 30,000 (30,101), better than one that WordPiece learnt; batches "
            "of 128 sequences, rate 1e-4, warm-up 1 %, 900,000 steps at length 128, then 100,000 at 512 with no new"
            " warm-up.",
            "Its abstract: filters, size of the vocabulary and kind of its pieces matter for parsing.",
        ),
        preset="strict",
        vocabulary={"kind": "unigram", "matching": "longest"},
        most_pieces=30_101,
        paper={
            "short.training.batch_tokens": 128 * SHORT,
            "encoder.training.batch_tokens": 128 * LONG,
            "encoder.training.warmup_rate": 0.0,
        },
    ),
    Language(
        code="et",
        name="Estonian",
        model="EstBERT (Tanvir et al., 2021)",
        sources=("The model's card: Estonian National Corpus 2017, cased, phases of length 128 and 512.",),
    ),
    Language(
        code="sv",
        name="Swedish",
        model="KB-BERT (Malmsten, Börjeson and Haffenden, 2020)",
        sources=(
            "Kungbib/swedish-bert-models: 15 to 20 GB, 200 M sentences, 3,000 M tokens; about 50,000 pieces (50,325"
            " in its config.json), cased; whole words asked for; Google's own numbers.",
            "Å, Ä and Ö have to stay, as its README warns: strip_accents is false.",
        ),
        most_pieces=50_325,
        objective={"kind": "masked_lm_nsp", **WHOLE_WORDS},
    ),
    Language(
        code="nl",
        name="Dutch",
        model="BERTje (de Vries et al., 2019)",
        sources=(
            "wietsedv/bertje: SentencePiece unigrams, 30,001, turned into WordPiece; batches of 256 sequences of "
            "length 512 from the beginning, 1 M steps, rate 1e-4, warm-up 10,000 steps; 2.4 billion tokens; the "
            "order of two segments asked (SOP).",
        ),
        vocabulary={"kind": "unigram", "matching": "longest"},
        most_pieces=30_001,
        objective={"kind": "masked_lm_sop"},
        paper={"short.objective.max_length": LONG, "short.training.batch_tokens": 256 * LONG},
    ),
    Language(
        code="fa",
        name="Persian",
        model="TookaBERT (2024)",
        sources=(
            "The model's card: more than 500 GB of text; masked words alone, whole words asked for; two lengths of "
            "sequences.",
            "BPE of 48,000 pieces, as is told at second hand.",
        ),
        vocabulary={"kind": "bpe"},
        most_pieces=48_000,
        objective={"kind": "masked_lm", **WHOLE_WORDS},
    ),
    Language(
        code="pl",
        name="Polish",
        model="HerBERT (Mroczkowski et al., 2021)",
        sources=(
            "allegro/HerBERT: 50,000 pieces of BPE with BPE-dropout, which is not there here; the base model: "
            "batches of 2,560, 50,000 steps. Its card: masked words and the order of sentences (SSO), whole words, "
            "hidden anew each time.",
            "It began with the weights of a multilingual model, which `start = FOLDER` and `start_vocabulary` do here.",
        ),
        vocabulary={"kind": "bpe"},
        most_pieces=50_000,
        objective={"kind": "masked_lm_sso", **WHOLE_WORDS},
        paper={
            "short.training.steps": 45_000,
            "short.training.batch_tokens": 2_560 * SHORT,
            "encoder.training.steps": 5_000,
            "encoder.training.batch_tokens": 2_560 * LONG,
        },
    ),
    Language(
        code="cy",
        name="Welsh",
        model="WikiBERT's pipeline (Pyysalo et al., 2021)",
        sources=WIKIBERT,
        preset="wikibert",
        most_pieces=20_000,
        objective={"kind": "masked_lm_nsp", **WHOLE_WORDS},
    ),
    Language(
        code="ko",
        name="Korean",
        model="WikiBERT's pipeline (Pyysalo et al., 2021)",
        sources=(*WIKIBERT, "Words are what stands between spaces; no analyser is asked."),
        preset="wikibert",
        most_pieces=20_000,
        objective={"kind": "masked_lm_nsp", **WHOLE_WORDS},
    ),
    Language(
        code="en",
        name="English",
        model=f"BERT ({BERT})",
        sources=("30,522 pieces, small letters; 256 sequences, 1 M steps, a tenth of them at length 512, rate 1e-4.",),
        vocabulary={"kind": "wordpiece", "lowercase": True},
        most_pieces=30_522,
    ),
)
_BY_CODE = {each.code: each for each in KNOWN}


def language_of(code: str) -> tuple[Language, bool]:
    """Return what is known of a language, and whether anything is; else settings that suit any."""
    known = _BY_CODE.get(base(code))
    if known:
        return known, True
    general = "masked words in WordPiece, cased, accents kept"
    return Language(code, code, general, objective={"kind": "masked_lm", "mask_unit": "word"}), False


def bert() -> dict[str, Any]:
    """Return BERT-base's own numbers by `stage.setting` (Devlin et al., 2019, appendix A.2)."""
    shape = {"hidden_size": 768, "num_hidden_layers": 12, "max_position_embeddings": LONG}
    return {
        "short.encoder": shape,
        "short.objective.mask_rate": 0.15,
        "short.training.steps": 900_000,
        "short.training.batch_tokens": 256 * SHORT,
        "short.training.peak_lr": 1e-4,
        "short.training.warmup_rate": 0.01,
        "encoder.objective.mask_rate": 0.15,
        "encoder.training.steps": 100_000,
        "encoder.training.batch_tokens": 256 * LONG,
        "encoder.training.peak_lr": 1e-4,
        "encoder.training.warmup_rate": 0.01,
    }
