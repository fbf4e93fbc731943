"""Linear and LayerNorm that follow the type of their input (bfloat16 arithmetic on float32 weights), and both joined.

Weights stay in float32 (bfloat16 would lose small updates) and are cast where they are used. On CPUs
this is faster than torch.autocast, which casts and caches on every call.
"""

from torch import Tensor, nn
from torch.nn import functional

from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.dense import linear_add_norm
from mamebert.kernels.linear import linear


class Linear(nn.Linear):
    """y = x Wᵀ + b in the type of x. Without inputs, what is left of a layer that was pruned away, y = b."""

    start_scale = 1.0
    """Factor on the standard deviation of its first weights."""

    def reset_parameters(self) -> None:
        """Draw first weights."""
        if self.weight.numel():
            super().reset_parameters()
        elif self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., out_features]."""
        return linear(hidden, self.weight, self.bias)


class LayerNorm(nn.LayerNorm):
    """LayerNorm (Ba et al., 2016) in the type of its input; sums are float32 inside."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the same shape."""
        weight, bias = self.weight.to(hidden.dtype), None if self.bias is None else self.bias.to(hidden.dtype)
        return functional.layer_norm(hidden, self.normalized_shape, weight, bias, self.eps)


class AddAndNorm(nn.Module):
    """What ends both halves of a layer: a dense layer, plus what was there before, normalised (post-norm)."""

    def __init__(self, in_features: int, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(in_features, config.hidden_size, bias=config.has_biases)
        self.LayerNorm = new_norm(config)
        self.drop_rate = config.hidden_dropout_prob

    def forward(self, hidden: Tensor, before: Tensor) -> Tensor:
        """Return [tokens, hidden_size]."""
        dense, norm = self.dense, self.LayerNorm
        weights = (dense.weight, bias_of(dense)), (norm.weight, bias_of(norm))
        return linear_add_norm(hidden, before, *weights, norm.eps, self.drop_rate if self.training else 0.0)

    def padded(self, hidden: Tensor, before: Tensor) -> Tensor:
        """Return the same as `forward` for [batch, longest, ...], by calls of the parts."""
        dropped = functional.dropout(self.dense(hidden), self.drop_rate, self.training)
        result: Tensor = self.LayerNorm(dropped + before)
        return result


class Add(nn.Module):
    """What ends both halves of a layer with pre-norm: a dense layer, plus what was there before."""

    def __init__(self, in_features: int, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(in_features, config.hidden_size, bias=config.has_biases)
        # The sum over all layers is to begin as large as one of them (Megatron-LM; Shoeybi et al., 2019).
        self.dense.start_scale = (2 * config.num_hidden_layers) ** -0.5
        self.drop_rate = config.hidden_dropout_prob

    def forward(self, hidden: Tensor, before: Tensor) -> Tensor:
        """Return [..., hidden_size]."""
        return before + functional.dropout(self.dense(hidden), self.drop_rate, self.training)

    padded = forward


def new_end(in_features: int, config: EncoderConfig) -> AddAndNorm | Add:
    """Return what ends a half of a layer."""
    return AddAndNorm(in_features, config) if config.norm_place == "post" else Add(in_features, config)


def new_norm(config: EncoderConfig) -> LayerNorm:
    """Return a LayerNorm as wide as the encoder."""
    return LayerNorm(config.hidden_size, eps=config.layer_norm_eps, bias=config.has_biases)


def bias_of(module: nn.Linear | nn.LayerNorm) -> Tensor:
    """Return the biases of a module, zeros where it has none: [out_features], for kernels that add some."""
    bias: Tensor | None = module.bias
    return module.weight.new_zeros(len(module.weight)) if bias is None else bias
