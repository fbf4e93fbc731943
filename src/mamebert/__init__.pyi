# Made by docs/scripts/typed_face.py from the settings classes. Change those, not this file.
"""mamebert as type checkers see it: paths may be texts, and groups of settings dictionaries."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Required, TypeAlias, TypedDict

from mamebert.checkpoints.sentence_transformers import Dense
from mamebert.compression.distillation.augmentation import Augmentation
from mamebert.compression.distillation.layer_transfer import TransferWeights
from mamebert.compression.methods import Compressor
from mamebert.corpus.cleaning import Cleaning
from mamebert.corpus.duplicates.near import NearDuplicates
from mamebert.corpus.filters.settings import DocumentRules, Filters, SentenceRules
from mamebert.corpus.readers import Reader
from mamebert.encoder.first_positions import PositionEmbeddings
from mamebert.encoder.fixed_embeddings import TokenEmbeddings
from mamebert.encoder.mobilebert.settings import Bottleneck
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.inspection import inspect as inspect
from mamebert.inspection.settings import InspectConfig as _InspectConfig
from mamebert.labelled.rows import Split
from mamebert.objectives import Objective
from mamebert.objectives.beside.generator import Generator
from mamebert.probes import Probe
from mamebert.serving.load import load as load
from mamebert.stages.clean import CleanConfig as _CleanConfig
from mamebert.stages.clean import clean as clean
from mamebert.stages.compress import compress as compress
from mamebert.stages.compress.settings import CompressConfig as _CompressConfig
from mamebert.stages.contrast import contrast as contrast
from mamebert.stages.contrast.settings import ContrastConfig as _ContrastConfig
from mamebert.stages.evaluate import evaluate as evaluate
from mamebert.stages.evaluate.settings import EvaluateConfig as _EvaluateConfig
from mamebert.stages.finetune import finetune as finetune
from mamebert.stages.finetune.search_space import Range, Search
from mamebert.stages.finetune.settings import FinetuneConfig as _FinetuneConfig
from mamebert.stages.pretrain import pretrain as pretrain
from mamebert.stages.pretrain.settings import PretrainConfig as _PretrainConfig
from mamebert.stages.probe import probe as probe
from mamebert.stages.probe.settings import ProbeConfig as _ProbeConfig
from mamebert.stages.report import ReportConfig as _ReportConfig
from mamebert.stages.report import report as report
from mamebert.stages.select import SelectConfig as _SelectConfig
from mamebert.stages.select import select as select
from mamebert.stages.tokenize import TokenizeConfig as _TokenizeConfig
from mamebert.stages.tokenize import tokenize as tokenize
from mamebert.stages.vectors import VectorsConfig as _VectorsConfig
from mamebert.stages.vectors import vectors as vectors
from mamebert.stages.vocab import VocabConfig as _VocabConfig
from mamebert.stages.vocab import vocab as vocab
from mamebert.tasks import Task
from mamebert.tokenizer.vocabularies import Vocabulary
from mamebert.training.groups import Learning
from mamebert.training.settings import OpenTraining, Training
from mamebert.training.trouble import Trouble
from mamebert.word2vec.cbow import Cbow

__all__ = [
    "CleanConfig",
    "CompressConfig",
    "ContrastConfig",
    "EvaluateConfig",
    "FinetuneConfig",
    "InspectConfig",
    "PretrainConfig",
    "ProbeConfig",
    "ReportConfig",
    "SelectConfig",
    "TokenizeConfig",
    "VectorsConfig",
    "VocabConfig",
    "clean",
    "compress",
    "contrast",
    "evaluate",
    "finetune",
    "inspect",
    "load",
    "pretrain",
    "probe",
    "report",
    "select",
    "tokenize",
    "vectors",
    "vocab",
]

__version__: str

class CleanConfig(_CleanConfig):
    """Settings of `mamebert clean`: where text comes from and what happens to it."""

    def __init__(
        self,
        *,
        output: str | Path,
        sources: _AnyReader | Sequence[_AnyReader],
        seed: int = 0,
        text_columns: str | Sequence[str] = ...,
        language: str = "en",
        splitter: Literal["rules", "pysbd"] = "rules",
        cleaning: Cleaning | _CleaningSettings = ...,
        filters: Filters | _FiltersSettings = ...,
        duplicates: Literal["documents", "paragraphs", "none"] = "documents",
        near_duplicates: NearDuplicates | _NearDuplicatesSettings = ...,
        shard_characters: int = 8000000,
        max_documents: int | None = None,
        processes: int = 0,
        engine: Literal["local", "ray"] = "local",
    ) -> None: ...

class CompressConfig(_CompressConfig):
    """Settings of `mamebert compress`."""

    def __init__(
        self,
        *,
        output: str | Path,
        model: str | Path,
        method: _AnyCompressor | Sequence[_AnyCompressor],
        seed: int = 0,
        source: _AnyReader | None = None,
        train: _AnyReader | None = None,
        valid: _AnyReader | None = None,
        test: _AnyReader | None = None,
        tests: Mapping[str, _AnyReader] = ...,
        split: Split | _SplitSettings = ...,
        max_rows: int = 0,
        max_test_rows: int = 0,
        name: str = "",
        shards: str | Path | None = None,
        objective: _AnyObjective | None = None,
        heldout_tokens: int = 100000,
        seeds: int | Sequence[int] = ...,
        measure_seconds: float = 4.0,
        device: str = "auto",
    ) -> None: ...

class ContrastConfig(_ContrastConfig):
    """Settings of `mamebert contrast`."""

    def __init__(
        self,
        *,
        output: str | Path,
        shards: str | Path,
        seed: int = 0,
        vectors: str | Path | None = None,
        vector_size: int = 512,
        tokens: int = 40000000,
        epochs: float = 0.0,
        pairs: int = 256,
        crop_tokens: int = 40,
        shortest_crop: int = 0,
        window_tokens: int = 100,
        temperature: float = 0.04,
        vectors_lr: float = 0.002,
        weights_lr: float = 0.01,
        warmup_rate: float = 0.05,
        heldout_pairs: int = 1000,
        snapshot_seconds: float = 60.0,
        inexact: bool = False,
    ) -> None: ...

class EvaluateConfig(_EvaluateConfig):
    """Settings of `mamebert evaluate`. Those that only training needs may stand in the file; they play no part."""

    def __init__(
        self,
        *,
        output: str | Path,
        seed: int = 0,
        source: _AnyReader | None = None,
        train: _AnyReader | None = None,
        valid: _AnyReader | None = None,
        test: _AnyReader | None = None,
        tests: Mapping[str, _AnyReader] = ...,
        split: Split | _SplitSettings = ...,
        max_rows: int = 0,
        max_test_rows: int = 0,
        models: Mapping[str, str | Path] = ...,
        model: str | Path = ...,
        task: _TaskChanges = ...,
        part: Literal["all", "test"] = "all",
        batch_tokens: int = 16384,
        device: str = "auto",
        precision: Mapping[str, Literal["auto", "float32", "bfloat16", "int8"]] = ...,
    ) -> None: ...

class FinetuneConfig(_FinetuneConfig):
    """Settings of `mamebert finetune`."""

    def __init__(
        self,
        *,
        output: str | Path,
        seed: int = 0,
        source: _AnyReader | None = None,
        train: _AnyReader | None = None,
        valid: _AnyReader | None = None,
        test: _AnyReader | None = None,
        tests: Mapping[str, _AnyReader] = ...,
        split: Split | _SplitSettings = ...,
        max_rows: int = 0,
        max_test_rows: int = 0,
        task: _AnyTask | _ClassificationByDefault = ...,
        models: Mapping[str, str | Path] = ...,
        model: str | Path = ...,
        random_weights: bool = False,
        reading: Reading | _ReadingSettings = ...,
        learning: Learning | _LearningSettings = ...,
        training: OpenTraining | _OpenTrainingSettings = ...,
        batch_rows: int | None = None,
        dropout: float | None = None,
        patience: int | None = None,
        validate_every: int | None = None,
        refit: bool = False,
        unlabelled: _AnyReader | None = None,
        search: Search | _SearchSettings = ...,
        seeds: int | Sequence[int] = ...,
        epoch_seeds: int | Sequence[int] = ...,
        processes: int = 0,
        baselines: Literal["char", "word", "none"] = "char",
        vectors: str | Path | None = None,
    ) -> None: ...

class InspectConfig(_InspectConfig):
    """Settings of `mamebert inspect`. Those of finetune and evaluate may stand beside them; they play no part."""

    def __init__(
        self,
        *,
        source: _AnyReader | None = None,
        train: _AnyReader | None = None,
        valid: _AnyReader | None = None,
        test: _AnyReader | None = None,
        tests: Mapping[str, _AnyReader] = ...,
        split: Split | _SplitSettings = ...,
        max_rows: int = 0,
        max_test_rows: int = 0,
        models: Mapping[str, str | Path] = ...,
        model: str | Path = ...,
        task: _TaskChanges = ...,
    ) -> None: ...

class PretrainConfig(_PretrainConfig):
    """Settings of `mamebert pretrain`."""

    def __init__(
        self,
        *,
        output: str | Path,
        shards: str | Path,
        training: Training | _TrainingSettings,
        seed: int = 0,
        start: str | Path | None = None,
        start_layers: int | Sequence[int] = ...,
        start_vocabulary: Literal["same", "shared_rows", "focus"] = "same",
        start_vectors: str | Path | None = None,
        encoder: EncoderConfig | _EncoderConfigSettings = ...,
        embeddings: TokenEmbeddings | _TokenEmbeddingsSettings = ...,
        positions: PositionEmbeddings | _PositionEmbeddingsSettings = ...,
        output_bias: Literal["frequencies", "zero"] = "frequencies",
        objective: _AnyObjective | _MaskedLMAndNSPByDefault = ...,
        heldout_tokens: int = 100000,
        evaluate_every: int = 200,
        pseudo_perplexity_tokens: int | None = None,
        general_shards: str | Path | None = None,
        record_every: int = 10,
        snapshot_seconds: float = 60.0,
        keep_snapshots: int = 2,
        inexact: bool = False,
        trouble: Trouble | _TroubleSettings = ...,
        keep_models: int = 0,
        tensorboard: bool = False,
        probe_texts: str | Sequence[str] = ...,
    ) -> None: ...

class ProbeConfig(_ProbeConfig):
    """Settings of `mamebert probe`."""

    def __init__(
        self,
        *,
        output: str | Path,
        probe: _AnyProbe,
        seed: int = 0,
        models: Mapping[str, str | Path] = ...,
        model: str | Path = ...,
        random_weights: bool = False,
        device: str = "auto",
    ) -> None: ...

class ReportConfig(_ReportConfig):
    """Settings of `mamebert report`."""

    def __init__(
        self,
        *,
        output: str | Path,
        runs: str | Path | Sequence[str | Path],
        seed: int = 0,
        title: str = "",
        command_line: str = "",
        recipe: str = "",
    ) -> None: ...

class SelectConfig(_SelectConfig):
    """Settings of `mamebert select`, as in task-driven language modelling (Yao et al., 2022)."""

    def __init__(
        self,
        *,
        output: str | Path,
        corpus: str | Path,
        source: _AnyReader,
        seed: int = 0,
        text_columns: str | Sequence[str] = ...,
        top_passages: int = 50,
        passage_characters: int = 1000,
        query_terms: int = 64,
        max_characters: int = 0,
        shard_characters: int = 8000000,
        processes: int = 0,
        engine: Literal["local", "ray"] = "local",
    ) -> None: ...

class TokenizeConfig(_TokenizeConfig):
    """Settings of `mamebert tokenize`."""

    def __init__(
        self,
        *,
        output: str | Path,
        corpus: str | Path,
        tokenizer: str | Path,
        seed: int = 0,
        heldout_rate: float = 0.01,
        max_heldout_tokens: int = 200000,
        bpe_dropout: float = 0.0,
        processes: int = 0,
        engine: Literal["local", "ray"] = "local",
    ) -> None: ...

class VectorsConfig(_VectorsConfig):
    """Settings of `mamebert vectors`."""

    def __init__(
        self,
        *,
        output: str | Path,
        shards: str | Path,
        seed: int = 0,
        cbow: Cbow | _CbowSettings = ...,
        probe_words: str | Sequence[str] = ...,
    ) -> None: ...

class VocabConfig(_VocabConfig):
    """Settings of `mamebert vocab`."""

    def __init__(
        self,
        *,
        output: str | Path,
        corpus: str | Path,
        seed: int = 0,
        vocabulary: _AnyVocabulary | _WordpieceByDefault = ...,
        too_large: Literal["refuse", "lower"] = "refuse",
        gold: _AnyReader | None = None,
        processes: int = 0,
        engine: Literal["local", "ray"] = "local",
    ) -> None: ...

class _BunsetsuSettings(TypedDict, total=False):
    path: Required[str | Path | Sequence[str | Path]]
    encoding: str
    errors: Literal["strict", "replace"]
    columns: str | Sequence[str]
    broken_trees: Literal["refuse", "skip"]

class _Bunsetsu(_BunsetsuSettings, total=False):
    kind: Required[Literal["bunsetsu"]]

class _ConllSettings(TypedDict, total=False):
    path: Required[str | Path | Sequence[str | Path]]
    encoding: str
    errors: Literal["strict", "replace"]
    columns: str | Sequence[str]
    separator: Literal["auto", "tab", "space"]
    comment: str
    scheme: Literal["as_is", "iob1"]

class _ConllByDefault(_ConllSettings, total=False):
    kind: Literal["conll"]

class _ConlluSettings(TypedDict, total=False):
    path: Required[str | Path | Sequence[str | Path]]
    encoding: str
    errors: Literal["strict", "replace"]
    broken_trees: Literal["refuse", "skip"]

class _ConlluByDefault(_ConlluSettings, total=False):
    kind: Literal["conllu"]

class _DreamSettings(TypedDict, total=False):
    path: Required[str | Path | Sequence[str | Path]]
    encoding: str
    errors: Literal["strict", "replace"]

class _Dream(_DreamSettings, total=False):
    kind: Required[Literal["dream"]]

class _EverySettings(TypedDict, total=False):
    of: Required[Any]
    step: int
    first: int
    together: int
    same: str

class _Every(_EverySettings, total=False):
    kind: Required[Literal["every"]]

class _FilesSettings(TypedDict, total=False):
    path: Required[str | Path | Sequence[str | Path]]
    encoding: str
    errors: Literal["strict", "replace"]
    text_column: str
    format: Literal["by suffix", "txt", "jsonl", "json", "csv", "tsv", "parquet"]
    separator: str
    header: str | Sequence[str]
    extra_columns: Literal["refuse", "drop"]
    columns: Mapping[str, str]
    where: Mapping[str, str | bool | int | float]

class _FilesByDefault(_FilesSettings, total=False):
    kind: Literal["files"]

class _HuggingFaceSettings(TypedDict, total=False):
    name: Required[str]
    subset: str | None
    split: str
    revision: str | None
    streaming: bool
    text_column: str

class _HuggingFace(_HuggingFaceSettings, total=False):
    kind: Required[Literal["huggingface"]]

class _JapanesePairsSettings(TypedDict, total=False):
    pairs_per_paradigm: int
    seed: int

class _JapanesePairs(_JapanesePairsSettings, total=False):
    kind: Required[Literal["japanese_pairs"]]

class _LivedoorSettings(TypedDict, total=False):
    path: Required[str | Path]

class _Livedoor(_LivedoorSettings, total=False):
    kind: Required[Literal["livedoor"]]

class _PythonDocsSettings(TypedDict, total=False):
    packages: str | Sequence[str]
    min_characters: int
    processes: int

class _PythonDocs(_PythonDocsSettings, total=False):
    kind: Required[Literal["python_docs"]]

class _SquadSettings(TypedDict, total=False):
    path: Required[str | Path | Sequence[str | Path]]
    encoding: str
    errors: Literal["strict", "replace"]

class _Squad(_SquadSettings, total=False):
    kind: Required[Literal["squad"]]

class _WikipediaSettings(TypedDict, total=False):
    path: Required[str | Path | Sequence[str | Path]]
    encoding: str
    errors: Literal["strict", "replace"]
    namespaces: int | Sequence[int]
    section_titles: Literal["drop", "keep"]
    templates: Mapping[str, int]
    processes: int

class _WikipediaByDefault(_WikipediaSettings, total=False):
    kind: Literal["wikipedia"]

_AnyReader: TypeAlias = (
    Reader
    | _Bunsetsu
    | _ConllByDefault
    | _ConlluByDefault
    | _Dream
    | _Every
    | _FilesByDefault
    | _HuggingFace
    | _JapanesePairs
    | _Livedoor
    | _PythonDocs
    | _Squad
    | _WikipediaByDefault
    | str
    | Path
)

class _CleaningSettings(TypedDict, total=False):
    normalise: Literal["none", "NFC", "NFKC"]
    min_characters_per_document: int
    min_characters_per_sentence: int
    max_characters_per_sentence: int

class _SentenceRulesSettings(TypedDict, total=False):
    min_words: int | None
    max_words: int | None
    max_word_characters: int | None
    markup: Literal["keep", "drop"] | None
    max_punctuation: float | None
    max_digits: float | None
    max_upper_case: float | None
    min_script_share: float | None
    min_language_confidence: float | None
    language_letters: int | None

class _DocumentRulesSettings(TypedDict, total=False):
    min_sentences: int | None
    max_sentences: int | None
    min_tokens: int | None
    max_tokens: int | None
    min_words: int | None
    min_mean_words: float | None
    max_wordless_sentences: float | None
    max_punctuation: float | None
    max_upper_case: float | None
    max_digits: float | None
    max_foreign_letters: float | None
    max_repeated_lines: float | None
    max_repeated_ngrams: float | None
    language: Literal["any", "likeliest"] | None

class _FiltersSettings(TypedDict, total=False):
    preset: Literal["none", "documents", "wikibert", "basic", "strict", "web"]
    sentences: SentenceRules | _SentenceRulesSettings
    documents: DocumentRules | _DocumentRulesSettings
    max_documents_per_line: int | None

class _NearDuplicatesSettings(TypedDict, total=False):
    threshold: float | None
    num_perm: int
    shingle_words: int
    shingle_characters: int

class _SplitSettings(TypedDict, total=False):
    train: float
    valid: float
    seed: int

class _TrainingSettings(TypedDict, total=False):
    epochs: int
    steps: int
    batch_tokens: int
    batch_ramp: int
    micro_batch_tokens: int
    parallel: Literal["ddp", "fsdp"]
    peak_lr: float
    warmup_rate: float
    schedule: Literal["linear", "cosine", "warmup_stable_decay"]
    decay_rate: float
    optimizer: Literal["adamw", "bert_adamw", "stable_adamw", "lamb", "muon", "sgd"]
    weight_decay: float
    beta_1: float
    beta_2: float
    muon_momentum: float
    epsilon: float
    clip_norm: float
    precision: Literal["auto", "float32", "bfloat16"]
    compile_layers: bool
    device: str
    beta_2_half_life: int
    average_decay: float

class _BiBertSettings(TypedDict, total=False):
    match: Literal["queries", "keys", "values", "hidden"] | Sequence[Literal["queries", "keys", "values", "hidden"]]
    answers_weight: float
    training: Training | _TrainingSettings

class _BiBert(_BiBertSettings, total=False):
    kind: Required[Literal["bibert"]]

class _DistilSettings(TypedDict, total=False):
    student: str | Path | None
    layers: int
    layer_choice: Literal["every_second", "released"] | Sequence[int]
    temperature: float
    alpha: float
    training: Training | _TrainingSettings

class _Distil(_DistilSettings, total=False):
    kind: Required[Literal["distil"]]

class _DistilbertSettings(TypedDict, total=False):
    layers: int
    layer_choice: Literal["every_second", "released"] | Sequence[int]
    temperature: float
    soft_weight: float
    answers_weight: float
    cosine_weight: float
    soft_tokens: Literal["every", "masked"]
    mask_power: float
    training: Training | _TrainingSettings

class _Distilbert(_DistilbertSettings, total=False):
    kind: Required[Literal["distilbert"]]

class _DropLayersSettings(TypedDict, total=False):
    strategy: Literal["top", "bottom", "odd_alternate", "even_alternate", "symmetric", "contribution"]
    drop: int
    threshold: float
    recover: bool
    training: Training | _TrainingSettings

class _DropLayers(_DropLayersSettings, total=False):
    kind: Required[Literal["drop_layers"]]

class _DynabertSettings(TypedDict, total=False):
    width: float
    depth: float
    widths: float | Sequence[float]
    depths: float | Sequence[float]
    hidden_weight: float
    depth_hidden_weight: float
    calibration_batches: int
    training: Training | _TrainingSettings
    depth_training: Training | _TrainingSettings
    final_epochs: int

class _Dynabert(_DynabertSettings, total=False):
    kind: Required[Literal["dynabert"]]

class _DynamicInt8Settings(TypedDict, total=False):
    per_channel: bool

class _DynamicInt8(_DynamicInt8Settings, total=False):
    kind: Required[Literal["dynamic_int8"]]

class _EarlyBirdSettings(TypedDict, total=False):
    heads: float
    neurons: float
    heads_penalty: float
    neurons_penalty: float
    draw_at: float
    min_steps: int
    epsilon: float
    look_every: int
    search: Training | _TrainingSettings
    training: Training | _TrainingSettings

class _EarlyBird(_EarlyBirdSettings, total=False):
    kind: Required[Literal["early_bird"]]

class _HalfPrecisionSettings(TypedDict, total=False):
    pass

class _HalfPrecision(_HalfPrecisionSettings, total=False):
    kind: Required[Literal["half_precision"]]

class _TransferWeightsSettings(TypedDict, total=False):
    hidden: float
    attention: float
    mean: float
    variance: float

class _MobilebertSettings(TypedDict, total=False):
    hidden_size: int
    intra_bottleneck_size: int
    embedding_size: int
    intermediate_size: int
    num_feedforward_networks: int
    normalization_type: Literal["no_norm", "layer_norm"]
    hidden_act: Literal["relu", "gelu"]
    start: Literal["teacher", "random"]
    lower_rate: float
    weights: TransferWeights | _TransferWeightsSettings
    answers_weight: float
    transfer: Training | _TrainingSettings
    training: Training | _TrainingSettings

class _Mobilebert(_MobilebertSettings, total=False):
    kind: Required[Literal["mobilebert"]]

class _PruneHeadsAndNeuronsSettings(TypedDict, total=False):
    heads: float
    neurons: float
    across: Literal["layer", "network"]
    by: Literal["gradient", "magnitude"]
    calibration_batches: int
    recover: bool
    alpha: float
    temperature: float
    training: Training | _TrainingSettings

class _PruneHeadsAndNeurons(_PruneHeadsAndNeuronsSettings, total=False):
    kind: Required[Literal["prune_heads_and_neurons"]]

class _PruneVocabularySettings(TypedDict, total=False):
    min_count: int
    keep_characters: bool
    min_known: float

class _PruneVocabulary(_PruneVocabularySettings, total=False):
    kind: Required[Literal["prune_vocabulary"]]

class _Q8BertSettings(TypedDict, total=False):
    weight_bits: int
    activation_bits: int
    activation_range: Literal["asymmetric", "symmetric"]
    range_decay: float
    requantise_output: Literal["attention", "none"]
    start_step: int
    soft_targets: float
    temperature: float
    training: Training | _TrainingSettings

class _Q8Bert(_Q8BertSettings, total=False):
    kind: Required[Literal["q8bert"]]

class _QBertSettings(TypedDict, total=False):
    bits: int | Sequence[int]
    layer_bits: int | Sequence[int]
    groups: int
    embedding_bits: int
    activation_bits: Literal[0, 4, 8]
    range_decay: float
    shards: int
    shard_tokens: int
    power_steps: int
    soft_targets: float
    training: Training | _TrainingSettings

class _QBert(_QBertSettings, total=False):
    kind: Required[Literal["qbert"]]

class _ShareSettings(TypedDict, total=False):
    mode: Literal["none", "all", "groups", "attention", "ffn"]
    num_groups: int
    embedding_size: int
    start: Literal["mean", "first"]
    teach: float
    temperature: float
    training: Training | _TrainingSettings

class _Share(_ShareSettings, total=False):
    kind: Required[Literal["share"]]

class _AugmentationSettings(TypedDict, total=False):
    masked_lm: Required[str | Path]
    vectors: str | Path | None
    copies: int
    replace_rate: float
    num_candidates: int
    masks_at_once: int

class _TinybertSettings(TypedDict, total=False):
    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int
    start: str | Path | None
    augmentation: Augmentation | _AugmentationSettings | None
    prediction_weight: float
    intermediate: Training | _TrainingSettings
    prediction: Training | _TrainingSettings

class _Tinybert(_TinybertSettings, total=False):
    kind: Required[Literal["tinybert"]]

class _ZipLMSettings(TypedDict, total=False):
    speedup: float
    timed: Literal["batches", "texts"]
    threads: int
    measure_seconds: float
    calibration_batches: int
    search_starts: int
    search_steps: int
    mode: Literal["gradual", "one_shot"]
    on_the_way: float | Sequence[float]
    training: Training | _TrainingSettings
    soft_weight: float
    token_weight: float
    task_weight: float

class _ZipLM(_ZipLMSettings, total=False):
    kind: Required[Literal["ziplm"]]

_AnyCompressor: TypeAlias = (
    Compressor
    | _BiBert
    | _Distil
    | _Distilbert
    | _DropLayers
    | _Dynabert
    | _DynamicInt8
    | _EarlyBird
    | _HalfPrecision
    | _Mobilebert
    | _PruneHeadsAndNeurons
    | _PruneVocabulary
    | _Q8Bert
    | _QBert
    | _Share
    | _Tinybert
    | _ZipLM
    | Literal[
        "bibert",
        "distil",
        "distilbert",
        "drop_layers",
        "dynabert",
        "dynamic_int8",
        "early_bird",
        "half_precision",
        "mobilebert",
        "prune_heads_and_neurons",
        "prune_vocabulary",
        "q8bert",
        "qbert",
        "share",
        "tinybert",
        "ziplm",
    ]
)

class _GeneratorSettings(TypedDict, total=False):
    hidden_size: int
    num_hidden_layers: int

class _AllTokenLMSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None
    kept_mask_rate: float
    generator: Generator | _GeneratorSettings

class _AllTokenLM(_AllTokenLMSettings, total=False):
    kind: Required[Literal["all_token_lm"]]

class _ContrastSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None
    masked_lm_weight: float
    pairs: int
    temperature: float
    window_tokens: int

class _Contrast(_ContrastSettings, total=False):
    kind: Required[Literal["contrast"]]

class _LeftToRightLMSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None

class _LeftToRightLM(_LeftToRightLMSettings, total=False):
    kind: Required[Literal["left_to_right_lm"]]

class _MaskedLMSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None

class _MaskedLM(_MaskedLMSettings, total=False):
    kind: Required[Literal["masked_lm"]]

class _MaskedLMAndNSPSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None
    short_rate: float

class _MaskedLMAndNSP(_MaskedLMAndNSPSettings, total=False):
    kind: Required[Literal["masked_lm_nsp"]]

class _MaskedLMAndSOPSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None
    short_rate: float

class _MaskedLMAndSOP(_MaskedLMAndSOPSettings, total=False):
    kind: Required[Literal["masked_lm_sop"]]

class _MaskedLMAndSSOSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None
    short_rate: float

class _MaskedLMAndSSO(_MaskedLMAndSSOSettings, total=False):
    kind: Required[Literal["masked_lm_sso"]]

class _ReplacedTokenDetectionSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None
    discriminator_weight: float
    generator: Generator | _GeneratorSettings

class _ReplacedTokenDetection(_ReplacedTokenDetectionSettings, total=False):
    kind: Required[Literal["replaced_token_detection"]]

class _TaskDrivenLMSettings(TypedDict, total=False):
    max_length: int
    mask_rate: float
    last_mask_rate: float | None
    mask_token_rate: float
    random_token_rate: float | None
    mask_unit: Literal["token", "word", "span", "ngram", "pmi"]
    hide_unit: Literal["token", "unit"] | None
    pmi_min_count: int
    pmi_rate: float
    z_loss: float
    dupe_factor: int | None
    source: _AnyReader | None
    text_columns: str | Sequence[str]
    label_column: str
    task_every: int
    masked_lm_weight: float

class _TaskDrivenLM(_TaskDrivenLMSettings, total=False):
    kind: Required[Literal["task_driven_lm"]]

_AnyObjective: TypeAlias = (
    Objective
    | _AllTokenLM
    | _Contrast
    | _LeftToRightLM
    | _MaskedLM
    | _MaskedLMAndNSP
    | _MaskedLMAndSOP
    | _MaskedLMAndSSO
    | _ReplacedTokenDetection
    | _TaskDrivenLM
    | Literal[
        "all_token_lm",
        "contrast",
        "left_to_right_lm",
        "masked_lm",
        "masked_lm_nsp",
        "masked_lm_sop",
        "masked_lm_sso",
        "replaced_token_detection",
        "task_driven_lm",
    ]
)

class _ClassificationSettings(TypedDict, total=False):
    max_length: int
    text_columns: str | Sequence[str]
    second_columns: str | Sequence[str]
    second_is_optional: bool
    label_column: str
    class_weights: Literal["none", "balanced"]
    label_order: str | Sequence[str]
    measure: Literal["accuracy", "macro_f1", "mcc", "f1"]
    positive_label: str
    chunks: int | None

class _ClassificationByDefault(_ClassificationSettings, total=False):
    kind: Literal["classification"]

class _DependencyParsingSettings(TypedDict, total=False):
    max_length: int
    words_column: str
    text_column: str
    heads_column: str
    deprels_column: str
    word_vector: Literal["first", "mean"]
    arc_size: int
    label_size: int
    head_dropout: float

class _DependencyParsingByDefault(_DependencyParsingSettings, total=False):
    kind: Literal["dependency_parsing"]

class _ExtractiveSummarySettings(TypedDict, total=False):
    max_length: int
    text_columns: str | Sequence[str]
    summary_column: str
    language: str
    heading: Literal["keep", "leave_out"]
    when_long: Literal["cut", "windows"]
    num_sentences: int
    share: float
    scorer: Literal["linear", "transformer", "lstm"]
    blocked_run: int
    unit: Literal["auto", "word", "character"]

class _ExtractiveSummaryByDefault(_ExtractiveSummarySettings, total=False):
    kind: Literal["extractive_summary"]

class _LongDocumentsSettings(TypedDict, total=False):
    max_length: int
    text_columns: str | Sequence[str]
    second_columns: str | Sequence[str]
    second_is_optional: bool
    label_column: str
    class_weights: Literal["none", "balanced"]
    label_order: str | Sequence[str]
    measure: Literal["accuracy", "macro_f1", "mcc", "f1"]
    positive_label: str
    chunk_tokens: int
    stride: int
    max_chunks: int
    section_mark: str
    aggregate: Literal["mean", "max", "mean_prob", "vote", "lstm", "transformer"]
    positions: bool

class _LongDocumentsByDefault(_LongDocumentsSettings, total=False):
    kind: Literal["long_documents"]

class _MultiLabelSettings(TypedDict, total=False):
    max_length: int
    text_columns: str | Sequence[str]
    second_columns: str | Sequence[str]
    second_is_optional: bool
    chunks: int | None
    label_column: str
    label_separator: str
    label_names: str | Sequence[str]
    path_separator: str

class _MultiLabelByDefault(_MultiLabelSettings, total=False):
    kind: Literal["multi_label"]

class _MultipleChoiceSettings(TypedDict, total=False):
    max_length: int
    stem_columns: str | Sequence[str]
    lead_columns: str | Sequence[str]
    choice_columns: str | Sequence[str]
    label_column: str
    label: Literal["number", "text"]
    first_number: int | None

class _MultipleChoiceByDefault(_MultipleChoiceSettings, total=False):
    kind: Literal["multiple_choice"]

class _RegressionSettings(TypedDict, total=False):
    max_length: int
    text_columns: str | Sequence[str]
    second_columns: str | Sequence[str]
    second_is_optional: bool
    chunks: int | None
    label_columns: str | Sequence[str]
    geolocation: bool

class _RegressionByDefault(_RegressionSettings, total=False):
    kind: Literal["regression"]

class _DenseSettings(TypedDict, total=False):
    out_features: Required[int]
    bias: bool
    activation: Literal["identity", "tanh", "relu", "gelu", "sigmoid"]

class _SentenceEmbeddingsSettings(TypedDict, total=False):
    max_length: int
    text_columns: str | Sequence[str]
    second_columns: str | Sequence[str]
    second_is_optional: Literal[True]
    third_columns: str | Sequence[str]
    objective: Literal["cosine", "softmax", "triplet", "ranking"]
    label_column: str
    score_range: tuple[float, float] | list[float] | None
    margin: float
    scale: float
    pooling: (
        Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
        | Sequence[Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]]
        | None
    )
    dense: Sequence[Dense | _DenseSettings] | None
    normalize: bool | None
    do_lower_case: bool | None
    prompts: Mapping[str, str] | None
    default_prompt_name: str | None
    cnn_widths: Literal[1, 3, 5, 7, 9] | Sequence[Literal[1, 3, 5, 7, 9]]
    cnn_channels: int

class _SentenceEmbeddingsByDefault(_SentenceEmbeddingsSettings, total=False):
    kind: Literal["sentence_embeddings"]

class _SpanQaSettings(TypedDict, total=False):
    max_length: int
    question_column: str
    context_column: str
    answers_column: str
    unanswerable: bool
    max_question_tokens: int
    stride: int
    decoding: Literal["best", "argmax"]
    n_best: int
    n_best_kept: int
    max_answer_pieces: int
    unit: Literal["auto", "word", "character"]

class _SpanQaByDefault(_SpanQaSettings, total=False):
    kind: Literal["span_qa"]

class _TaggingSettings(TypedDict, total=False):
    max_length: int
    words_column: str
    text_column: str
    tags_column: str
    spans_column: str
    left_out_types: str | Sequence[str]
    measure: Literal["auto", "entity_f1", "token_accuracy"]

class _TaggingByDefault(_TaggingSettings, total=False):
    kind: Literal["tagging"]

class _TaxonomySettings(TypedDict, total=False):
    max_length: int
    text_columns: str | Sequence[str]
    second_columns: str | Sequence[str]
    second_is_optional: bool
    label_column: str
    path_separator: str
    labels: str | Sequence[str]
    held_out: str | Sequence[str]
    margin: float
    num_paths: int

class _TaxonomyByDefault(_TaxonomySettings, total=False):
    kind: Literal["taxonomy"]

_TaskChanges: TypeAlias = (
    _ClassificationByDefault
    | _DependencyParsingByDefault
    | _ExtractiveSummaryByDefault
    | _LongDocumentsByDefault
    | _MultiLabelByDefault
    | _MultipleChoiceByDefault
    | _RegressionByDefault
    | _SentenceEmbeddingsByDefault
    | _SpanQaByDefault
    | _TaggingByDefault
    | _TaxonomyByDefault
    | Literal[
        "classification",
        "dependency_parsing",
        "extractive_summary",
        "long_documents",
        "multi_label",
        "multiple_choice",
        "regression",
        "sentence_embeddings",
        "span_qa",
        "tagging",
        "taxonomy",
    ]
)

class _Classification(_ClassificationSettings, total=False):
    kind: Required[Literal["classification"]]

class _DependencyParsing(_DependencyParsingSettings, total=False):
    kind: Required[Literal["dependency_parsing"]]

class _ExtractiveSummary(_ExtractiveSummarySettings, total=False):
    kind: Required[Literal["extractive_summary"]]

class _LongDocuments(_LongDocumentsSettings, total=False):
    kind: Required[Literal["long_documents"]]

class _MultiLabel(_MultiLabelSettings, total=False):
    kind: Required[Literal["multi_label"]]

class _MultipleChoice(_MultipleChoiceSettings, total=False):
    kind: Required[Literal["multiple_choice"]]

class _Regression(_RegressionSettings, total=False):
    kind: Required[Literal["regression"]]

class _SentenceEmbeddings(_SentenceEmbeddingsSettings, total=False):
    kind: Required[Literal["sentence_embeddings"]]

class _SpanQa(_SpanQaSettings, total=False):
    kind: Required[Literal["span_qa"]]

class _Tagging(_TaggingSettings, total=False):
    kind: Required[Literal["tagging"]]

class _Taxonomy(_TaxonomySettings, total=False):
    kind: Required[Literal["taxonomy"]]

_AnyTask: TypeAlias = (
    Task
    | _Classification
    | _DependencyParsing
    | _ExtractiveSummary
    | _LongDocuments
    | _MultiLabel
    | _MultipleChoice
    | _Regression
    | _SentenceEmbeddings
    | _SpanQa
    | _Tagging
    | _Taxonomy
    | Literal[
        "classification",
        "dependency_parsing",
        "extractive_summary",
        "long_documents",
        "multi_label",
        "multiple_choice",
        "regression",
        "sentence_embeddings",
        "span_qa",
        "tagging",
        "taxonomy",
    ]
)

class _ReadingSettings(TypedDict, total=False):
    layers: Sequence[int] | Literal["all"]
    join: Literal["concat", "weighted_sum"]
    tokens: Literal["asked", "mean", "pair"] | None
    lstm_size: int
    lstm_over: Literal["reads", "tokens"]

class _LearningSettings(TypedDict, total=False):
    trainable: Literal["all", "head", "top_layers", "groups"]
    top_layers: int
    embeddings: Literal["learn", "frozen"]
    groups: Mapping[str, float] | None
    layer_decay: float
    unfreeze_every: int
    cache_bytes: int

class _OpenTrainingSettings(TypedDict, total=False):
    epochs: int
    steps: int
    batch_tokens: int | None
    batch_ramp: int
    micro_batch_tokens: int
    parallel: Literal["ddp", "fsdp"]
    peak_lr: float | None
    warmup_rate: float | None
    schedule: Literal["linear", "cosine", "warmup_stable_decay"]
    decay_rate: float
    optimizer: Literal["adamw", "bert_adamw", "stable_adamw", "lamb", "muon", "sgd"]
    weight_decay: float
    beta_1: float
    beta_2: float
    muon_momentum: float
    epsilon: float
    clip_norm: float
    precision: Literal["auto", "float32", "bfloat16"]
    compile_layers: bool
    device: str

class _RangeSettings(TypedDict, total=False):
    low: Required[int | float]
    high: Required[int | float]
    log: bool

class _SearchSettings(TypedDict, total=False):
    method: Literal["none", "grid", "optuna"]
    ranges: Literal["standard", "broadened"]
    space: Mapping[str, Sequence[Any] | Range | _RangeSettings | Mapping[str, Any]]
    trials: int

class _BottleneckSettings(TypedDict, total=False):
    intra_bottleneck_size: int
    num_feedforward_networks: int
    normalization_type: Literal["no_norm", "layer_norm"]
    key_query_shared_bottleneck: bool
    use_bottleneck_attention: bool
    trigram_input: bool
    classifier_activation: bool

class _EncoderConfigSettings(TypedDict, total=False):
    preset: Literal["none", "albert", "mobilebert", "modernbert", "mosaicbert", "roberta"]
    size: Literal["none", "tiny", "mini", "small", "medium", "base", "deep_17m", "deep_32m", "deep_68m"]
    positions: Literal["learnt", "rotary", "alibi"]
    norm_place: Literal["post", "pre"]
    ffn: Literal["plain", "gated"]
    biases: Literal["all", "none"]
    head: Literal["pooler", "prediction", "task"]
    local_attention: int
    global_attn_every_n_layers: int
    global_rope_theta: float
    local_rope_theta: float
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    hidden_dropout_prob: float
    attention_probs_dropout_prob: float
    pad_token_id: int
    layer_norm_eps: float
    initializer_range: float
    embedding_size: int
    hidden_act: Literal["gelu", "gelu_new", "relu"]
    pooler_act: Literal["tanh", "relu", "gelu"]
    shared: Literal["none", "all", "groups", "attention", "ffn"]
    num_hidden_groups: int
    layer_heads: int | Sequence[int]
    layer_widths: int | Sequence[int]
    head_size: int
    bottleneck: Bottleneck | _BottleneckSettings | None
    is_decoder: bool

class _TokenEmbeddingsSettings(TypedDict, total=False):
    vectors: str | Path | None
    frozen: bool
    scale: Literal["unit", "init", "none"]
    storage: Literal["float32", "bfloat16"]
    special_trainable: bool
    tied: bool
    unfreeze_after_epochs: int

class _PositionEmbeddingsSettings(TypedDict, total=False):
    init: Literal["normal", "sinusoidal"]
    norm: float | None
    heads: Literal["anywhere", "neighbours"]
    frozen: bool

class _MaskedLMAndNSPByDefault(_MaskedLMAndNSPSettings, total=False):
    kind: Literal["masked_lm_nsp"]

class _TroubleSettings(TypedDict, total=False):
    remedy: Literal["skip", "roll_back", "lower_lr", "stop"]
    spike_ratio: float
    spike_window: int
    consecutive_steps: int
    back_steps: int
    lower_by: float
    most: int

class _AcceptabilitySettings(TypedDict, total=False):
    sentences: Required[_AnyReader]
    sample: int

class _Acceptability(_AcceptabilitySettings, total=False):
    kind: Required[Literal["acceptability"]]

class _AttentionSettings(TypedDict, total=False):
    texts: Required[_AnyReader]
    sample: int
    length: int

class _Attention(_AttentionSettings, total=False):
    kind: Required[Literal["attention"]]

class _CrosslingualSettings(TypedDict, total=False):
    pairs: Required[_AnyReader]
    first_column: str
    second_column: str
    sample: int

class _Crosslingual(_CrosslingualSettings, total=False):
    kind: Required[Literal["crosslingual"]]

class _EmbeddingsSettings(TypedDict, total=False):
    corpus: Required[_AnyReader]
    analogies: _AnyReader | None
    similar: Mapping[str, _AnyReader]
    words: str | Sequence[str]
    most: int

class _Embeddings(_EmbeddingsSettings, total=False):
    kind: Required[Literal["embeddings"]]

class _FillMaskSettings(TypedDict, total=False):
    texts: str | Sequence[str]
    source: _AnyReader | None
    targets: str | Sequence[str]
    top: int

class _FillMask(_FillMaskSettings, total=False):
    kind: Required[Literal["fill_mask"]]

class _GenderSettings(TypedDict, total=False):
    over: Literal["dates", "places"]
    language: Literal["en", "ja"]
    female: str | Sequence[str]
    male: str | Sequence[str]
    crows_pairs: _AnyReader | None
    winogender: _AnyReader | None
    occupations: _AnyReader | None

class _Gender(_GenderSettings, total=False):
    kind: Required[Literal["gender"]]

class _GenerateSettings(TypedDict, total=False):
    beginning: str
    length: int
    samples: int
    order: Literal["random", "left_to_right", "parallel"]
    iterations: int
    burn_in: int
    temperature: float
    top_k: int
    corpus: _AnyReader | None
    references: int

class _Generate(_GenerateSettings, total=False):
    kind: Required[Literal["generate"]]

class _LayersSettings(TypedDict, total=False):
    treebank: Required[_AnyReader]
    test: _AnyReader | None
    sentences: int
    words: int

class _Layers(_LayersSettings, total=False):
    kind: Required[Literal["layers"]]

class _MinimalPairsSettings(TypedDict, total=False):
    pairs: Required[_AnyReader]
    good_column: str
    bad_column: str
    paradigm_column: str
    phenomenon_column: str
    sample: int
    scoring: Literal["pll", "pll_word_l2r"]
    corpus: _AnyReader | None

class _MinimalPairs(_MinimalPairsSettings, total=False):
    kind: Required[Literal["minimal_pairs"]]

class _RobustnessSettings(TypedDict, total=False):
    source: Required[_AnyReader]
    text_column: str
    label_column: str
    sample: int
    strengths: float | Sequence[float]
    operators: str | Sequence[str]
    guesser: str | Path | None
    vectors: str | Path | None

class _Robustness(_RobustnessSettings, total=False):
    kind: Required[Literal["robustness"]]

class _SimilaritySettings(TypedDict, total=False):
    pairs: Required[_AnyReader]
    first_column: str
    second_column: str
    score_column: str
    sample: int

class _Similarity(_SimilaritySettings, total=False):
    kind: Required[Literal["similarity"]]

class _ViewsSettings(TypedDict, total=False):
    texts: str | Sequence[str]
    source: _AnyReader | None
    label_column: str
    sample: int
    length: int
    layer: int
    words: str | Sequence[str]
    nearest: int
    maps: int
    map_length: int

class _Views(_ViewsSettings, total=False):
    kind: Required[Literal["views"]]

_AnyProbe: TypeAlias = (
    Probe
    | _Acceptability
    | _Attention
    | _Crosslingual
    | _Embeddings
    | _FillMask
    | _Gender
    | _Generate
    | _Layers
    | _MinimalPairs
    | _Robustness
    | _Similarity
    | _Views
    | str
    | Path
)

class _CbowSettings(TypedDict, total=False):
    vector_size: int
    window: int
    min_count: int
    negative: int
    ns_exponent: float
    sample: float
    alpha: float
    min_alpha: float
    epochs: int
    processes: int

class _WordpieceSettings(TypedDict, total=False):
    size: int
    sample_characters: int
    words: Literal["whitespace", "mecab"]
    lowercase: bool
    strip_accents: bool
    split_cjk: bool
    min_frequency: int
    limit_alphabet: int
    max_length: int

class _WordpieceByDefault(_WordpieceSettings, total=False):
    kind: Literal["wordpiece"]

class _BpeSettings(TypedDict, total=False):
    size: int
    sample_characters: int
    words: Literal["whitespace", "mecab"]
    lowercase: bool
    strip_accents: bool
    min_frequency: int
    limit_alphabet: int
    max_length: int

class _Bpe(_BpeSettings, total=False):
    kind: Required[Literal["bpe"]]

class _ByteBpeSettings(TypedDict, total=False):
    size: int
    sample_characters: int
    words: Literal["whitespace", "mecab"]
    lowercase: bool
    strip_accents: bool
    min_frequency: int
    limit_alphabet: int
    max_length: int

class _ByteBpe(_ByteBpeSettings, total=False):
    kind: Required[Literal["byte_bpe"]]

class _UnigramSettings(TypedDict, total=False):
    size: int
    sample_characters: int
    words: Literal["whitespace", "mecab"]
    lowercase: bool
    strip_accents: bool
    min_frequency: int
    limit_alphabet: int
    max_length: int
    matching: Literal["likeliest", "longest"]

class _Unigram(_UnigramSettings, total=False):
    kind: Required[Literal["unigram"]]

class _Wordpiece(_WordpieceSettings, total=False):
    kind: Required[Literal["wordpiece"]]

_AnyVocabulary: TypeAlias = (
    Vocabulary | _Bpe | _ByteBpe | _Unigram | _Wordpiece | Literal["bpe", "byte_bpe", "unigram", "wordpiece"]
)
