"""Names and shapes of an encoder's parameters, told by its settings alone: nothing is built to know them."""

from collections.abc import Iterator

from mamebert.encoder.settings import EncoderConfig

Shapes = dict[str, tuple[int, ...]]


def parameter_shapes(config: EncoderConfig, vocab_size: int) -> Shapes:
    """Return the shape of each parameter of an `Encoder` without a bottleneck, under its name, in their order.

    What layers share stands under the name of the first that has it.
    """
    assert not config.bottleneck
    return dict([*_embeddings(config, vocab_size), *_layers(config), *_pooler(config)])


def _embeddings(config: EncoderConfig, vocab_size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    width = config.embedding_width
    yield "embeddings.word_embeddings.weight", (vocab_size, width)
    if config.positions == "learnt":
        yield "embeddings.position_embeddings.weight", (config.max_position_embeddings, width)
    if config.type_vocab_size:
        yield "embeddings.token_type_embeddings.weight", (config.type_vocab_size, width)
    yield from _norm("embeddings.LayerNorm", width, config.has_biases)
    if config.embedding_size:
        yield from _dense("embeddings.projection", width, config.hidden_size)


def _layers(config: EncoderConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    if config.norm_place == "pre":
        yield from _norm("encoder.LayerNorm", config.hidden_size, config.has_biases)
    attention, ffn = set(config.attention_owners), set(config.ffn_owners)
    for number in range(config.num_hidden_layers):
        if number in attention:
            yield from _attention(config, number)
        if number in ffn:
            yield from _ffn(config, number)


def _attention(config: EncoderConfig, number: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    name, width, has_biases = f"encoder.layer.{number}.attention", config.hidden_size, config.has_biases
    inner = config.heads_by_layer[number] * config.head_width
    if config.norm_place == "pre" and number:
        yield from _norm(f"{name}.LayerNorm", width, has_biases)
    for each in ("query", "key", "value"):
        yield from _dense(f"{name}.self.{each}", width, inner, has_biases)
    yield from _end(f"{name}.output", inner, config)


def _ffn(config: EncoderConfig, number: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    name, width, has_biases = f"encoder.layer.{number}", config.hidden_size, config.has_biases
    inner = config.widths_by_layer[number]
    if config.norm_place == "pre":
        yield from _norm(f"{name}.intermediate.LayerNorm", width, has_biases)
    yield from _dense(f"{name}.intermediate.dense", width, inner, has_biases)
    if config.ffn == "gated":
        yield from _dense(f"{name}.intermediate.gate", width, inner, has_biases)
    yield from _end(f"{name}.output", inner, config)


def _end(name: str, width: int, config: EncoderConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _dense(f"{name}.dense", width, config.hidden_size, config.has_biases)
    if config.norm_place == "post":
        yield from _norm(f"{name}.LayerNorm", config.hidden_size, config.has_biases)


def _pooler(config: EncoderConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, is_head = config.hidden_size, config.has_prediction_head
    yield from _dense("pooler.dense", width, width, config.has_biases or not is_head)
    if is_head:
        yield from _norm("pooler.LayerNorm", width, config.has_biases)


def _dense(name: str, width: int, out: int, has_bias: bool = True) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (out, width)
    if has_bias:
        yield f"{name}.bias", (out,)


def _norm(name: str, width: int, has_bias: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    if has_bias:
        yield f"{name}.bias", (width,)
