"""Run every kernel of one library, forward and backward, on odd and random sizes: for sanitizers to watch."""

import random
import sys
from pathlib import Path

import numpy as np
import torch

from mamebert.kernels import native
from mamebert.kernels.attention import packed_attention
from mamebert.kernels.cross_entropy import vocabulary_cross_entropy
from mamebert.kernels.dense import linear_add_norm, linear_gelu
from mamebert.kernels.embeddings import summed_embeddings
from mamebert.kernels.linear import linear
from mamebert.kernels.packed_encoder import PackedEncoder, PackedHead
from mamebert.kernels.packed_parts import ACTIVATIONS, ENDS, DenseParts, EmbeddingParts, LayerParts, StepParts
from mamebert.kernels.ready_weights import make_ready

ODD = ([], [0], [1], [0, 0], [0, 1, 0], [2, 0], [17], [47, 48, 49], [1] * 9, [129])


def learn(out: torch.Tensor) -> None:
    (out.float() * torch.randn(out.shape)).sum().backward()
    if not out.isfinite().all():
        raise SystemExit(f"a number is not finite in {tuple(out.shape)}")


def leaf(*shape: int, kind: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape).to(kind).requires_grad_()


def starts_of(lengths: list[int]) -> torch.Tensor:
    return torch.tensor([0, *torch.tensor(lengths, dtype=torch.int64).cumsum(0).tolist()])


def go_through(lengths: list[int], width: int, heads: int, kind: torch.dtype, rate: float) -> None:
    rows, size, library = sum(lengths), width * heads, native._found()[1]
    ids = tuple(torch.randint(0, n, (rows,)) for n in (30, 512, 2))
    tables = tuple(leaf(n, size) for n in (30, 512, 2))
    learn(summed_embeddings(ids, tables, (leaf(size), leaf(size)), kind, 1e-12, rate))
    frozen = (tables[0].detach().bfloat16(), *tables[1:])
    learn(summed_embeddings(ids, frozen, (leaf(size), leaf(size)), kind, 1e-12, rate))

    starts = starts_of(lengths)
    learn(packed_attention(library, None, leaf(rows, 3 * size, kind=kind), leaf(3 * size), (starts, starts), heads))
    places = torch.cat([torch.arange(length) for length in [*lengths, 0]])
    leaning = (places, -1, -1), torch.rand(heads)
    mixed = leaf(rows, 3 * size, kind=kind)
    learn(packed_attention(library, None, mixed, leaf(3 * size), (starts, starts), heads, *leaning))
    asked = starts_of([min(length, random.randint(0, 3)) for length in lengths])
    queries, others = leaf(int(asked[-1]), size, kind=kind), leaf(rows, 2 * size, kind=kind)
    learn(packed_attention(library, queries, others, leaf(3 * size), (asked, starts), heads))

    wide, hidden = 16 * random.randint(1, 9), leaf(rows, size, kind=kind)
    bent = linear_gelu(hidden, leaf(wide, size), leaf(wide))
    learn(linear_add_norm(bent, hidden, (leaf(size, wide), leaf(size)), (leaf(size), leaf(size)), 1e-12, rate))
    for vocabulary in (1, 3, 16, random.randint(17, 300)):
        targets = torch.randint(0, vocabulary, (rows,))
        learn(vocabulary_cross_entropy(hidden, leaf(vocabulary, size), leaf(vocabulary), targets))
    with torch.no_grad():
        for inside, outside in ((size, wide), (1, 1), (random.randint(1, 99), random.randint(1, 99))):
            for shift in (None, torch.randn(outside)):
                for precision in ("", "float32", "bfloat16", "int8"):
                    weight = torch.randn(outside, inside)
                    if precision:
                        make_ready(weight, precision)
                    linear(torch.randn(rows, inside), weight, shift)


def layer_of(size: int, head_width: int) -> LayerParts:
    heads, inner = random.randint(1, 3), 16 * random.randint(1, 9)
    into, out_of = (heads * head_width, size), (size, heads * head_width)
    shapes = [into] * 3 + [out_of, (inner, size), (size, inner)]
    dense = [DenseParts(torch.randn(shape), torch.randn(shape[0])) for shape in shapes]
    norms = [random.choice([None, DenseParts(torch.randn(size), torch.randn(size))]) for _ in range(4)]
    gate = random.choice([None, DenseParts(torch.randn(inner, size), torch.randn(inner))])
    reach = random.choice([(-1, -1), (0, 0), (3, 5), (100, 100)])
    slopes = random.choice([None, torch.rand(heads)])
    angles = (torch.randn(256, head_width // 2), torch.randn(256, head_width // 2))
    turned = angles if random.random() < 0.5 else None
    return LayerParts(tuple(dense), tuple(norms), heads, gate, random.choice(ACTIVATIONS), reach, slopes, turned)


def embeddings_of(size: int) -> EmbeddingParts:
    width = random.choice([size, 16, 48])
    positions, segments = random.choice([None, torch.randn(256, width)]), random.choice([0, 1, 2])
    return EmbeddingParts(
        torch.randn(30, width),
        positions,
        torch.randn(segments, width) if segments else None,
        256,
        segments or 2,
        DenseParts(torch.randn(width), torch.randn(width)),
        DenseParts(torch.randn(size, width), torch.randn(size)) if width != size else None,
    )


def steps_of(size: int) -> list[StepParts]:
    wide, outputs = 16 * random.randint(1, 5), random.randint(1, 70)
    norm = random.choice([None, DenseParts(torch.randn(wide), torch.randn(wide))])
    first = StepParts(DenseParts(torch.randn(wide, size), torch.randn(wide)), random.choice(ENDS), norm)
    before = random.choice([[], [first]])
    return [*before, StepParts(DenseParts(torch.randn(outputs, wide if before else size), torch.randn(outputs)))]


def encode(lengths: list[int], size: int, head_width: int) -> None:
    layers, embeddings, steps = [layer_of(size, head_width) for _ in range(2)], embeddings_of(size), steps_of(size)
    starts, rows = starts_of(lengths).numpy(), sum(lengths)
    ids, segments = (torch.randint(0, n, (rows,)).numpy() for n in (30, embeddings.num_segments))
    some = [place for place in range(rows) if random.random() < random.choice([0.05, 0.5])]
    for precision in ("float32", "bfloat16", "int8"):
        for parts in layers:
            for dense in (*parts.dense, *([parts.gate] if parts.gate else [])):
                make_ready(dense.weight, precision)
        if embeddings.widened:
            make_ready(embeddings.widened.weight, "float32")
        for number, step in enumerate(steps):
            make_ready(step.dense.weight, "float32" if number else precision)
        packed = PackedEncoder.of(embeddings, layers, head_width, 1e-12)
        head = packed and packed.head(steps)
        for places in (None, np.array(some, np.int64)):
            asked = None if places is None else (places, np.searchsorted(places, starts))
            if packed and (library := native.kernels()):
                found = [packed(library, ids, segments, starts, asked, last) for last in (None, head)]
                batch, numbers = (ids, segments, starts), random.choice([[0, 1, 2], [1, 1], [2, 0]])
                if any(each is None for each in (*found, packed.states(library, batch, numbers, asked))):
                    raise SystemExit("ids were taken for what they are not")
                if of_rows := PackedHead.of(steps, size, 1e-12):
                    of_rows.of_rows(library, found[0])


def main() -> None:
    random.seed(0)
    torch.manual_seed(0)
    told = native.Status("native", "a test's own"), native.Library(Path(sys.argv[1]))
    native._found = lambda: told
    native._library = lambda: told[1]
    for threads in (1, 3):
        torch.set_num_threads(threads)
        for kind in (torch.float32, torch.bfloat16):
            for lengths in (*ODD, *([random.randint(0, 140) for _ in range(random.randint(1, 5))] for _ in range(6))):
                go_through(lengths, 16 * random.randint(1, 4), random.randint(1, 3), kind, random.choice([0.0, 0.3]))
                with torch.no_grad():
                    encode(lengths, 16 * random.randint(1, 5), 16 * random.randint(1, 3))
    print("went through all")


if __name__ == "__main__":
    main()
