"""What `mamebert pretrain` ends with."""

from pydantic import Field

from mamebert.results.entry import Entry


class Parameters(Entry):
    """Numbers of parameters; a tied tensor counts once."""

    total: int | None = None
    trainable: int | None = None
    frozen: int | None = None
    """Those that training does not change, such as a table of word vectors."""


class ProductPeak(Entry):
    """What the machine can compute at most."""

    flops: float | None = None
    """Floating-point operations a second, in the arithmetic of the training."""
    source: str | None = None
    """Where that is known from: a data sheet, or a measurement."""


class Energy(Entry):
    """What the training steps took, as far as the machine tells it."""

    kilowatt_hours: float | None = None
    watts: float | None = None
    """Mean over the steps."""
    source: str | None = None
    """What was read or reckoned."""


class TrainingCost(Entry):
    """What a training took."""

    flops: int | None = None
    """Floating-point operations of the matrix products, over all steps."""
    mfu: float | None = None
    """Those operations a second, as a share of `product_peak`; None for a run of some seconds."""
    product_peak: ProductPeak | None = None
    peak_memory_bytes: int | None = None
    """Of one process."""
    energy: Energy | None = None


class Epoch(Entry):
    """A pass over the training text."""

    epoch: int | None = None
    """From 1."""
    seconds: float | None = None
    """Wall time of the steps; of a whole epoch, even where it was stopped early."""
    cpu_seconds: float | None = None
    """Processor time, likewise."""
    extrapolated: bool = False
    """Whether it was stopped early, so that its seconds are reckoned from the part that was run."""
    tokens: int | None = None
    """Tokens that were read, without reckoning."""
    tokens_per_second: int | None = None
    train_loss: float | None = None
    """Mean over the steps that had no trouble, in nats."""
    heldout_mlm_loss: float | None = None
    """Nats for each masked token of the held-out text, or for each one where the next is asked for, when the epoch
    ended; None where none was held out."""
    heldout_mlm_accuracy: float | None = None
    """Share of those tokens that were guessed."""
    heldout_bits_per_character: float | None = None
    """The same loss for all tokens of the held-out text, in bits for each character of it (no white space; 20 more for
    each [UNK]): comparable between vocabularies. None for the generator of a discriminator."""
    heldout_contrast_loss: float | None = None
    """Nats for each held-out crop that is to find its partner; None where none was asked."""
    heldout_found: float | None = None
    """Share of those crops whose partner is the nearest of all."""
    order_gain: float | None = None
    """What the held-out loss rises by when the words of each sequence are shuffled and the same ones are asked, in nats
    for each masked token: about 0 for a bag of words. Of some of the held-out text, after the last epoch of all."""
    heldout_nsp_accuracy: float | None = None
    """Share of the sentence pairs answered right; None where none was asked."""
    heldout_sop_accuracy: float | None = None
    """The same of pairs that may stand in the wrong order."""
    heldout_sso_accuracy: float | None = None
    """The same of pairs that may stand in the wrong order or be random."""

    heldout_discriminator_loss: float | None = None
    """Nats for each token, replaced or not, of a discriminator; None where there is none. The masked tokens are its
    generator's then, and its order gain what it loses itself for each of them."""
    heldout_discriminator_accuracy: float | None = None
    """Mean of the share of replaced tokens and the share of others that it told right: 0.5 is chance."""

    @property
    def heldout_pair_accuracy(self) -> float | None:
        """Share of the sentence pairs answered right, whatever was asked."""
        found = (self.heldout_nsp_accuracy, self.heldout_sop_accuracy, self.heldout_sso_accuracy)
        return next((each for each in found if each is not None), None)


class KeptModel(Entry):
    """A model folder kept on the way."""

    folder: str | None = None
    """Its place in the folder of the run."""
    step: int | None = None
    """Steps, tokens and epochs it has seen."""
    tokens: int | None = None
    epoch: float | None = None


class FilledMask(Entry):
    """A text with [MASK], and what the encoder puts there."""

    text: str = ""
    candidates: list[tuple[str, float]] = Field(default=[])
    """Tokens with their probabilities, the likeliest first."""


class Trouble(Entry):
    """Steps whose loss was no number, or leapt up."""

    left_out: int | None = None
    """Steps that changed no weight."""
    went_back: int | None = None
    """Times that training went back to a snapshot."""


class StartVocabulary(Entry):
    """Where the rows of the token table come from, as numbers of tokens."""

    tokens: int | None = None
    copied: int | None = None
    mean_of_pieces: int | None = None
    """The mean of the rows that the old tokenizer cuts the token into."""
    mixed: int | None = None
    """The mean of rows of shared tokens, weighted by how like they are in word vectors (FOCUS); None if not asked."""
    drawn: int | None = None
    """Drawn at random, for want of anything like them."""


class Start(Entry):
    """What was taken over from the folder that training started from."""

    path: str | None = None
    new_heads: list[str] = Field(default=[])
    """Heads that the folder has none of."""
    vocabulary: StartVocabulary | None = None
    vectors_instead: bool | None = None
    """Whether the token table was replaced by word vectors afterwards."""


class PerplexityChange(Entry):
    """How surprising held-out text is to the encoder, each token masked in turn (Salazar et al., 2020)."""

    before: float | None = None
    """For each token, before the first step and after the last."""
    after: float | None = None
    per_word_before: float | None = None
    """For each word: comparable between vocabularies."""
    per_word_after: float | None = None
    tokens: int | None = None
    """Tokens that were asked for."""
    unknown: int | None = None
    """Tokens of the text that are [UNK], and were not asked for."""


class Verified(Entry):
    """The proof that plain transformers computes what our network does."""

    largest_difference: float | None = None
    """Between the logits of both, over all folders."""
    folders: int | None = None


class PretrainResults(TrainingCost):
    """The results of a pretraining."""

    name: str | None = None
    """Shape and kind: H256-L4-N learns its token embeddings, -W keeps those of word2vec."""
    parameters: Parameters | None = None
    model_bytes: int | None = None
    """Of model.safetensors."""
    precision: str | None = None
    """Type of the arithmetic: float32, bfloat16."""
    device: str | None = None
    threads: int | None = None
    processes: int | None = None
    steps: int | None = None
    tokens: int | None = None
    """Tokens read, over all epochs."""
    training_seconds: float | None = None
    """Wall time of the steps alone: evaluation, snapshots and saving are not in it."""
    order_gain: float | None = None
    """Of the finished encoder (`Epoch.order_gain`): below 0.3 it is a bag of words, which hardly knows word order."""
    epochs: list[Epoch] = Field(default=[])
    kept: list[KeptModel] = Field(default=[])
    embeddings_unchanged: bool | None = None
    """Whether the frozen table is bit by bit what it was; None where it was meant to change."""
    fill_mask: list[FilledMask] = Field(default=[])
    trouble: Trouble | None = None
    state_sha256: str | None = None
    """Hash of weights and optimizer state: equal runs have it alike."""
    start: Start | None = None
    pseudo_perplexity: dict[str, PerplexityChange] = Field(default={})
    """By text: heldout, of the text trained on, and general."""
    verified: Verified | None = None
