"""The encoder, and the network it is pretrained in. Parameter names are those of `transformers`."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mamebert.encoder.activations import ACTIVATIONS
from mamebert.encoder.embeddings import Embeddings
from mamebert.encoder.heads import PredictionHead, PretrainingHeads
from mamebert.encoder.layer import Layer
from mamebert.encoder.mobilebert.embeddings import TrigramEmbeddings
from mamebert.encoder.mobilebert.heads import FirstVector
from mamebert.encoder.mobilebert.layer import BottleneckLayer
from mamebert.encoder.named.kernel_parts import WIDENS, is_kept_twice, packed_encoder
from mamebert.encoder.named.one_call import in_one_call
from mamebert.encoder.named.parameters import parameter_shapes
from mamebert.encoder.packing import Packed, Rows
from mamebert.encoder.parts import Linear, new_norm
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import ForwardTrace, Gates, Padded
from mamebert.kernels.native import on_cpu
from mamebert.kernels.packed_encoder import PackedEncoder, PackedHead
from mamebert.kernels.ready_weights import Precision, make_ready


class Layers(nn.Module):
    """The stack of layers."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        numbers = range(config.num_hidden_layers)
        self.LayerNorm = new_norm(config) if config.norm_place == "pre" else None
        if config.bottleneck:
            self.layer = nn.ModuleList(BottleneckLayer(config) for _ in numbers)
            return
        layers = [Layer(config, number) for number in numbers]
        for layer, attention, ffn in zip(layers, config.attention_owners, config.ffn_owners, strict=True):
            layer.share(layers[attention], layers[ffn])
        self.layer = nn.ModuleList(layers)

    def ended(self, hidden: Tensor) -> Tensor:
        """Return what comes out of the stack, [..., hidden_size]: with pre-norm, the last sum normalised."""
        normal: Tensor = self.LayerNorm(hidden) if self.LayerNorm else hidden
        return normal


class Pooler(nn.Module):
    """tanh, or what a family has instead, of a dense layer over the [CLS] vector."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)
        self.activation = torch.tanh if config.pooler_act == "tanh" else ACTIVATIONS[config.pooler_act]

    def forward(self, firsts: Tensor) -> Tensor:
        """Return [sequences, hidden_size]."""
        return self.activation(self.dense(firsts))


class Encoder(nn.Module):
    """BERT (Devlin et al., 2019), or one of its kin, over packed sequences."""

    def __init__(self, config: EncoderConfig, vocab_size: int) -> None:
        super().__init__()
        self.config, self.vocab_size = config, vocab_size
        self.compute_dtype = torch.float32
        """Type of the arithmetic; weights stay float32."""
        self.gates: Gates | None = None
        """Factors on what heads and neurons give."""
        self.altered = False
        """Whether modules with another arithmetic stand inside, which the packed pass does not call."""
        self.ready: PackedEncoder | None = None
        """The layers as one kernel reads them."""
        self.embeddings: Any = (TrigramEmbeddings if config.bottleneck else Embeddings)(config, vocab_size)
        self.encoder = Layers(config)
        self.pooler: Any = _new_pooler(config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        weight: Tensor = self.embeddings.word_embeddings.weight  # to look for the first parameter takes longer
        return weight.device

    @property
    def is_ready(self) -> bool:
        """Whether it was made ready, and nothing is learnt or looked into, so that kernels may answer."""
        is_plain = not (self.training or self.gates or self.altered)
        return self.ready is not None and is_plain and self.compute_dtype == torch.float32

    def forward(self, batch: Packed, places: Tensor | None = None) -> Tensor:
        """Return the last hidden states [tokens, hidden_size].

        With `places`, int64 [rows] in rising order, only those tokens': [rows, hidden_size]. The last layer is then
        computed for them alone (all other tokens still give it keys and values), which changes no number and saves
        up to two thirds of its work.
        """
        if (found := self.in_one_call(batch, places)) is not None:
            return found
        *_, last = self.hidden_states(batch, None if places is None else Rows(places, batch))
        return last

    def in_one_call(self, batch: Packed, places: Tensor | None = None, head: PackedHead | None = None) -> Tensor | None:
        """Return what `forward` does, or what a head makes of it, [rows, outputs]; None where no kernel answers.

        Kernels answer where the encoder was made ready, nothing is learnt or looked into, and places rise.
        """
        ready = self.ready
        if not ready or not self.is_ready or torch.is_grad_enabled() or not on_cpu(batch.ids):
            return None
        arrays = batch.ids.numpy(), batch.segments.numpy(), batch.starts.numpy()
        asked = None if places is None else places.numpy()  # calls of torch take longer than a short text's places do
        found = in_one_call(ready, (self.config, self.vocab_size), arrays, asked, head)
        return None if found is None else torch.from_numpy(found)

    def compile_layers(self, backend: str = "inductor") -> None:
        """Let torch compile one layer and use it for all (for GPUs; batches of one size need it once)."""
        for layer in self.encoder.layer:
            layer.compile(backend=backend, dynamic=False)

    def hidden_states(self, batch: Packed, rows: Rows | None = None) -> Iterator[Tensor]:
        """Yield num_hidden_layers + 1 tensors [tokens, hidden_size]: the embeddings, then each layer's output.

        With `rows` the last of them has only those.
        """
        if self.gates or self.altered:
            seen = self.trace(Padded.of(batch), self.gates, keeps="hidden")
            packed = [seen.packed(hidden) for hidden in seen.hidden]
            yield from packed[:-1]
            yield packed[-1] if rows is None else packed[-1][rows.places]
            return
        hidden = self.embeddings(batch, self.compute_dtype)
        yield hidden
        # Made here, for their sizes differ from batch to batch, and a compiled layer wants none that do.
        _ = batch.spans, batch.longest, rows and rows.spans
        *lower, last = self.encoder.layer
        for layer in lower:
            hidden = layer(hidden, batch)
            yield hidden
        yield self.encoder.ended(last(hidden, batch, rows))

    def trace(
        self,
        batch: Padded,
        gates: Gates | None = None,
        depth: int | None = None,
        keeps: Literal["all", "hidden"] = "all",
    ) -> ForwardTrace:
        """Run all layers, or only the `depth` lowest, padded; return all that happens inside, or the hidden states.

        All of it is several times what the hidden states take. Slower than the packed pass, and equal to it where
        nothing is changed: for what looks inside (distillation from attention, calibration), what switches parts off
        (gates), what changes the arithmetic (every product is a call of the module that holds its matrix, so that a
        quantising one can stand in its place), and for graphs such as ONNX.
        """
        seen = ForwardTrace(batch)
        hidden = self.embeddings.padded(batch.ids, batch.segments, batch.visible)
        seen.hidden.append(hidden)
        layer: Any
        for number, layer in enumerate(islice(self.encoder.layer, depth)):
            hidden = layer.padded(hidden, seen, gates, number)
            seen.hidden.append(self.encoder.ended(hidden) if number == len(self.encoder.layer) - 1 else hidden)
            if keeps == "hidden":
                seen.forget_inside()
        return seen

    def make_ready(self, precision: Precision = "float32") -> None:
        """Lay the weights of all layers out as kernels of a CPU read them: for what answers, and does not learn.

        Weights stay as they are, and must not change afterwards. In float32 no number is another, and encoders so large
        that their weights should not be there twice are left alone; in int8 products are made in whole numbers, in
        bfloat16 of what is rounded to it, where a processor is faster with it.
        """
        weights = [each.weight for each in self.encoder.modules() if isinstance(each, Linear) and each.weight.numel()]
        if not is_kept_twice(sum(each.numel() for each in weights), precision):
            return
        for weight in weights:
            make_ready(weight, precision)
        named = dict(self.named_parameters())
        if WIDENS in named:
            make_ready(named[WIDENS], "float32")
        if not self.config.bottleneck and parameter_shapes(self.config, self.vocab_size).keys() <= named.keys():
            self.ready = packed_encoder(self.config, named)

    def open_gates(self) -> Gates:
        """Return gates that change nothing and take gradients."""
        layers: Any = self.encoder.layer
        return Gates(
            [torch.ones(each.attention.self.num_heads, device=self.device, requires_grad=True) for each in layers],
            [torch.ones(each.output.dense.in_features, device=self.device, requires_grad=True) for each in layers],
        )

    def pooled(self, firsts: Tensor) -> Tensor:
        """Return [sequences, hidden_size]: what the pooler makes of the last hidden state of each [CLS]."""
        result: Tensor = self.pooler(firsts)
        return result


class PretrainingNetwork(nn.Module):
    """Encoder with the heads it is pretrained with (BertForPreTraining), and what learns only while it is."""

    def __init__(self, config: EncoderConfig, vocab_size: int, tied: bool = True) -> None:
        super().__init__()
        self.bert = Encoder(config, vocab_size)
        initialise(self, config.initializer_range)
        self.cls = PretrainingHeads(config, self.bert.embeddings.word_embeddings, tied, self.bert.pooler)
        initialise(self.cls, config.initializer_range)
        self.beside: Any = None
        """What an objective trains beside them, such as a generator of words; saved by itself, if at all."""


def _new_pooler(config: EncoderConfig) -> nn.Module:
    if config.has_prediction_head:
        return PredictionHead(config)
    is_first = config.bottleneck and not config.bottleneck.classifier_activation
    return FirstVector() if is_first else Pooler(config)


def initialise(network: nn.Module, deviation: float) -> None:
    """Draw weights from N(0, deviation), as BERT does; biases 0, LayerNorm 1 and 0, the padding row 0."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=deviation * getattr(module, "start_scale", 1.0))
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()
