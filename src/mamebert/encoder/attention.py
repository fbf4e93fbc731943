"""Every token looks at every token of its own sequence, or at those near it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, scaled_dot_product_attention

from mamebert.encoder.alibi import Slopes
from mamebert.encoder.design import EVERYWHERE, Reach
from mamebert.encoder.packing import Group, Packed, Rows
from mamebert.encoder.parts import Linear, bias_of, new_end, new_norm
from mamebert.encoder.rotary import Rotary
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import ForwardTrace
from mamebert.kernels.attention import gpu_attention, on_gpu, packed_attention
from mamebert.kernels.linear import linear_side_by_side
from mamebert.kernels.native import Library, native

SHOWN = ("queries", "keys", "values", "scores", "attention")


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al., 2017) over a packed batch; `number` is the layer's."""

    def __init__(self, config: EncoderConfig, number: int = 0) -> None:
        super().__init__()
        self.num_heads = config.heads_by_layer[number]
        self.drop_rate = config.attention_probs_dropout_prob
        self.head_width = config.head_width
        width = self.num_heads * self.head_width
        self.query = Linear(config.hidden_size, width, bias=config.has_biases)
        self.key = Linear(config.hidden_size, width, bias=config.has_biases)
        self.value = Linear(config.hidden_size, width, bias=config.has_biases)
        self.reach = config.window(number)
        self.room = room = config.max_position_embeddings
        is_turned = config.positions == "rotary" and self.num_heads
        self.rotary = Rotary(config.rope_theta(number), self.head_width, room) if is_turned else None
        self.slopes = Slopes(self.num_heads, room) if config.positions == "alibi" else None

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, heads * head width]: for each token, or each of `rows`, the mixture of the values it saw."""
        if not self.num_heads:
            return hidden.new_zeros(len(hidden if rows is None else rows.places), 0)
        drop_rate = self.drop_rate if self.training else 0.0
        width = self.query.weight.new_empty(0, self.query.out_features // self.num_heads)
        if not drop_rate and (library := native(hidden, width)):
            return self._natively(library, hidden, batch, rows)
        if not drop_rate and on_gpu(hidden) and not self.slopes:  # FlashAttention in torch adds nothing to scores
            return self._on_gpu(hidden, batch, rows)
        mixed = self._project((self.query, self.key, self.value), hidden, batch)
        seen = attend_in_groups(mixed, batch, self.num_heads, drop_rate, self.reach, self.slopes)
        return seen if rows is None else seen[rows.places]

    def mix(self, hidden: Tensor, seen: ForwardTrace) -> Tensor:
        """Return the same for padded sequences, [batch, longest, ...], and lay open in `seen` how it came about."""
        drop_rate = self.drop_rate if self.training else 0.0
        projected = self.query(hidden), self.key(hidden), self.value(hidden)
        about = self.rotary, self.slopes, self.reach, self.room
        return traced_attention(projected, self.num_heads, drop_rate, seen, *about)

    def _project(
        self, parts: Sequence[Linear], hidden: Tensor, batch: Packed, rows: Rows | None = None, with_bias: bool = True
    ) -> Tensor:
        """Return what some projections, the values' last, make of tokens, side by side: [tokens, parts * width].

        With rotary positions queries and keys are turned, for which they need their biases.
        """
        places = None if rows is None else rows.places
        hidden = hidden if places is None else hidden[places]
        biases = [part.bias if with_bias or self.rotary else None for part in parts]
        mixed = linear_side_by_side(hidden, [part.weight for part in parts], biases)
        if not self.rotary:
            return mixed
        turned, left = mixed.split([sum(p.out_features for p in group) for group in self._turned_and_not(parts)], 1)
        return torch.cat([self.rotary.turn_packed(turned, batch, places), left], 1)

    def _turned_and_not(self, parts: Sequence[Linear]) -> tuple[list[Linear], list[Linear]]:
        return [part for part in parts if part is not self.value], [part for part in parts if part is self.value]

    def _natively(self, library: Library, hidden: Tensor, batch: Packed, rows: Rows | None) -> Tensor:
        every = self.query, self.key, self.value
        bias = torch.cat([bias_of(part) for part in every])
        bias = torch.zeros_like(bias) if self.rotary else bias  # added before they were turned
        queries: Tensor | None = None
        if rows is None:
            starts, places = batch.starts, batch.positions
            others = self._project(every, hidden, batch, with_bias=False)
        else:
            queries = self._project(every[:1], hidden, batch, rows, with_bias=False)
            others = self._project(every[1:], hidden, batch, with_bias=False)
            starts, places = rows.starts, batch.positions[rows.places]
        slopes = self.slopes.of_heads() if self.slopes else None
        window = None if self.reach == EVERYWHERE and slopes is None else (places, *self.reach)
        return packed_attention(library, queries, others, bias, (starts, batch.starts), self.num_heads, window, slopes)

    def _on_gpu(self, hidden: Tensor, batch: Packed, rows: Rows | None) -> Tensor:
        every = self.query, self.key, self.value
        # FlashAttention counts a window from the ends of a sequence, so that all its queries have to be there.
        some = rows if self.reach == EVERYWHERE else None
        others = every[1:] if some else every
        mixed = self._project(others, hidden, batch).chunk(len(others), dim=1)
        parts = (self._project(every[:1], hidden, batch, some), *mixed) if some else mixed
        query, key, value = (part.unflatten(1, (self.num_heads, -1)) for part in parts)
        spans = (some or batch).spans, batch.spans
        seen = gpu_attention(query, key, value, *spans, batch.longest, self.reach).flatten(1)
        return seen if rows is None or some else seen[rows.places]


class Attention(nn.Module):
    """Self-attention and its output, named as in `transformers`."""

    def __init__(self, config: EncoderConfig, number: int = 0) -> None:
        super().__init__()
        # What comes from the embeddings is normalised already (ModernBERT).
        self.LayerNorm = new_norm(config) if config.norm_place == "pre" and number else None
        self.self = SelfAttention(config, number)
        self.output = new_end(config.heads_by_layer[number] * config.head_width, config)

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, hidden_size], or [rows, hidden_size] where only some rows are wanted."""
        seen = self.self(self.normed(hidden), batch, rows)
        result: Tensor = self.output(seen, hidden if rows is None else hidden[rows.places])
        return result

    def normed(self, hidden: Tensor) -> Tensor:
        """Return what is looked at, [..., hidden_size]: with pre-norm, hidden states normalised."""
        normal: Tensor = self.LayerNorm(hidden) if self.LayerNorm else hidden
        return normal


def attend_in_groups(
    mixed: Tensor,
    batch: Packed,
    num_heads: int,
    drop_rate: float,
    reach: Reach = EVERYWHERE,
    slopes: Slopes | None = None,
) -> Tensor:
    """Return [tokens, width]: for each token the mixture of the values of its own sequence, or of those within reach.

    `mixed` [tokens, 3 * width] holds queries, keys and values side by side. Computed by torch, group by group.
    """
    # What is asked, not learnt from, must not depend on what else is asked.
    groups = batch.groups if torch.is_grad_enabled() else batch.groups_of_one_length
    parts = zip(mixed.split([group.num_tokens for group in groups]), groups, strict=True)
    return torch.cat([_attend(part, group, num_heads, drop_rate, reach, slopes) for part, group in parts])


def _attend(
    mixed: Tensor, group: Group, num_heads: int, drop_rate: float, reach: Reach, slopes: Slopes | None
) -> Tensor:
    if group.rows is not None:
        mixed = mixed[group.rows]
    # batch tokens 3 heads width -> 3 batch heads tokens width
    query, key, value = mixed.view(group.num_sequences, group.longest, 3, num_heads, -1).permute(2, 0, 3, 1, 4)
    kind = query.dtype
    if query.device.type == "cpu":
        # Without AMX, torch's bfloat16 attention is slower than its float32 one.
        query, key, value = query.float(), key.float(), value.float()
    visible = group.visible
    if any(0 <= each < group.longest - 1 for each in reach):
        near = _near(group.longest, reach, query.device)
        # Each token sees itself, if only padding: of nothing at all there is no softmax.
        visible = near if visible is None else visible & near | _near(group.longest, (0, 0), query.device)
    mask = visible
    if slopes:
        fall = slopes.fall(group.longest, query.device).to(query.dtype)
        mask = fall if visible is None else fall.masked_fill(~visible, -torch.inf)
    seen = scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=drop_rate)
    rows = seen.to(kind).transpose(1, 2).reshape(group.num_sequences * group.longest, -1)
    return rows if group.places is None else rows[group.places]


def traced_attention(
    projected: tuple[Tensor, Tensor, Tensor],
    num_heads: int,
    drop_rate: float,
    seen: ForwardTrace,
    rotary: Rotary | None = None,
    slopes: Slopes | None = None,
    reach: Reach = EVERYWHERE,
    room: int = 0,
) -> Tensor:
    """Return [batch, longest, width]: the same for padded queries, keys and values, each [batch, longest, width]."""
    shape = num_heads, projected[0].shape[-1] // max(1, num_heads)  # a layer may have no head left
    queries, keys, values = (each.unflatten(-1, shape).transpose(1, 2) for each in projected)
    longest = seen.batch.visible.shape[1]  # of what the graph is given: sizes of what it makes are constants
    if rotary:
        queries, keys = rotary.turn_padded(queries, longest), rotary.turn_padded(keys, longest)
    scores = queries @ keys.transpose(2, 3) / queries.shape[-1] ** 0.5
    if slopes:
        scores = scores + slopes.fall(longest, scores.device)
    visible = seen.batch.visible[:, None, None]
    if reach != EVERYWHERE:
        visible = visible & _near(longest, reach, scores.device, room)
    attention = scores.masked_fill(~visible, torch.finfo(scores.dtype).min).softmax(-1)
    for name, found in zip(SHOWN, (queries, keys, values, scores, attention), strict=True):
        getattr(seen, name).append(found)
    # A graph with a dropout of 0 in it is refused by programs that know no training.
    mixed: Tensor = (dropout(attention, drop_rate) if drop_rate else attention) @ values
    return mixed.transpose(1, 2).flatten(2)


def _near(longest: int, reach: Reach, device: torch.device, room: int = 0) -> Tensor:
    """Return bool [longest, longest]: whether a place sees another.

    A graph that is traced gets the places of its longest sequence, `room`, and takes as many as there are tokens: those
    of the example it is traced with would make it a graph for sequences of that length.
    """
    known = room if torch.jit.is_tracing() else longest  # type: ignore[attr-defined, no-untyped-call]
    places, (behind, ahead) = torch.arange(known, device=device)[:longest], reach
    left = places[:, None] - places
    right = places - places[:, None]
    if behind < 0:
        return right <= ahead
    return left <= behind if ahead < 0 else (left <= behind) & (right <= ahead)
