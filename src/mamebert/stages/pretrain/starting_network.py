"""The network before the first step of a pretraining: new, or that of a folder (`start`)."""

import torch

from mamebert.checkpoints.layouts import layout_for
from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.start import start_pretraining
from mamebert.corpus.frequencies import token_counts
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.carry_over import Mixture, carry_over
from mamebert.encoder.first_positions import start_positions
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.output_bias import start_from_frequencies
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.progress import say
from mamebert.results.pretrain import Start, StartVocabulary
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.tokenizer.correspondence import Correspondence, correspond
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.word2vec.focus import mixtures
from mamebert.word2vec.table import VectorTable, read_vocabulary


def first_network(
    config: PretrainConfig, shards: TokenShards, tokenizer: Tokenizer
) -> tuple[PretrainingNetwork, Start | None]:
    """Return the network before its first step and, with `start`, what of it comes from there."""
    network = PretrainingNetwork(config.encoder, shards.vocab_size, config.embeddings.tied)
    start_positions(network, config.positions)
    told = None if config.start is None else _take_over(network, config, tokenizer)
    if config.output_bias == "frequencies" and (told is None or "masked words" in told.new_heads):
        start_from_frequencies(network, torch.from_numpy(token_counts(shards)))
    return network, told


def tell(start: Start) -> str:
    """Return in a line what comes from the folder and what is new."""
    rows, new = start.vocabulary or StartVocabulary(), start.new_heads
    heads = f"new heads: {', '.join(new)}" if new else "all heads are its own"
    mixed = "" if rows.mixed is None else f", {rows.mixed} are mixtures of copied ones that are like them"
    made_up = f"{mixed}, {rows.mean_of_pieces} are the mean of their old pieces, {rows.drawn} are drawn at random"
    all_copied = rows.copied == rows.tokens
    tokens = f"{rows.copied} of {rows.tokens} token embeddings are copied{'' if all_copied else made_up}"
    replaced = "; then all token embeddings are replaced by embeddings.vectors" if start.vectors_instead else ""
    return f"Starting from {start.path}: {heads}; {tokens}{replaced}."


def tell_untrained_positions(config: PretrainConfig) -> None:
    """Say which positions no sequence is long enough for."""
    reached, room = config.objective.max_length, config.encoder.max_position_embeddings
    if reached < room and config.encoder.positions == "learnt":
        say(
            f"Sequences have up to {reached} tokens and the encoder has {room} positions: those beyond stay "
            "untrained. Lower encoder.max_position_embeddings, or raise objective.max_length."
        )


def tell_no_plain_class(shape: EncoderConfig) -> None:
    """Say where no class of plain transformers will open what is saved."""
    if layout_for(shape) is None:
        choices = f" ({', '.join(shape.choices_beyond_bert)})" if shape.choices_beyond_bert else ""
        say(f"No class of plain transformers holds this encoder{choices}: its folder opens with mamebert alone.")


def _take_over(network: PretrainingNetwork, config: PretrainConfig, tokenizer: Tokenizer) -> Start:
    assert config.start
    old, new_heads = start_pretraining(config.start)
    found = _correspondence(config, old.bert.vocab_size, tokenizer)
    mixed = _mixed(config, found)
    pieces = {number: ids for number, ids in found.pieces.items() if number not in mixed}
    carry_over(old, network, found.same, pieces, config.start_layers, mixed)
    if "masked words" in new_heads and not config.embeddings.tied:
        with torch.no_grad():  # a new output matrix begins as the table, as it does in a new network
            network.cls.predictions.output_matrix.copy_(network.bert.embeddings.word_embeddings.weight)
    return Start(
        path=str(config.start),
        new_heads=new_heads,
        vocabulary=StartVocabulary(
            tokens=tokenizer.vocab_size,
            copied=len(found.same),
            mean_of_pieces=len(pieces),
            **({"mixed": len(mixed)} if config.start_vectors else {}),
            drawn=tokenizer.vocab_size - len(found.same) - len(pieces) - len(mixed),
        ),
        vectors_instead=config.embeddings.vectors is not None,
    )


def _mixed(config: PretrainConfig, found: Correspondence) -> dict[int, Mixture]:
    """Return old ids and weights for the new ids that `start_vocabulary=focus` makes of them."""
    if config.start_vectors is None:
        return {}
    table, vocabulary = VectorTable.open(config.start_vectors), config.shards / "tokenizer" / "vocab.txt"
    table.check(len(read_vocabulary(vocabulary)), table.vectors.shape[1], vocabulary)
    made = mixtures(table, found.same, [*found.pieces, *found.neither])
    return {number: ([found.same[each] for each in ids], weights) for number, (ids, weights) in made.items()}


def _correspondence(config: PretrainConfig, num_rows: int, tokenizer: Tokenizer) -> Correspondence:
    assert config.start
    opened = ModelFolder.open(config.start)
    folder, old = opened.path, opened.tokenizer()
    if old.tokens == tokenizer.tokens and num_rows >= tokenizer.vocab_size:
        return Correspondence({number: number for number in range(tokenizer.vocab_size)}, {}, [])
    found = correspond(old, tokenizer, num_rows)
    if config.start_vocabulary == "same":
        raise UserError(
            f"The shards {config.shards} have another vocabulary than {folder} ({len(found.same)} of "
            f"{tokenizer.vocab_size} tokens are in both). Tokenize the text with that folder's own (mamebert tokenize "
            f"tokenizer={folder}), or set start_vocabulary=shared_rows."
        )
    return found


def _tokenizer_of(config: PretrainConfig) -> Tokenizer:
    return Tokenizer.open(config.shards / "tokenizer")
