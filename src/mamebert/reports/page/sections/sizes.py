"""The encoders: what they hold, what they learn, and the proof that others can open them."""

from mamebert.reports.page.story import Story
from mamebert.reports.readings.pretrainings import Pretrained
from mamebert.reports.readings.run_json import finite
from mamebert.reports.readings.word_order import order_gain_told
from mamebert.reports.text.blocks import Cell, Section, Table, cells, drop_empty_columns
from mamebert.reports.text.number_format import amount, count, is_number, megabytes, percent, three_digits
from mamebert.results.pretrain import Epoch, Parameters

EQUAL = 1e-5  # float32 logits closer than this are the same model
TRIVIAL = 0.99  # encoders of BERT's size reach 0.97 to 0.98 on text with real documents


def tell(story: Story) -> list[Section]:
    """Return the section on the encoders and how far they were trained."""
    if not story.pretrained:
        return []
    header = ["Model", "Parameters", "Learnt", "Fixed", "File", "Logits in plain transformers"]
    sizes = Table("Sizes", *drop_empty_columns(header, [_size(m) for m in story.pretrained]), notes=_notes(story))
    header = [
        "Model",
        "Epochs",
        "Tokens seen",
        "Training loss",
        "Held-out MLM loss",
        "Held-out MLM accuracy",
        "Bits per character",
        "Order gain",
        "Held-out accuracy on pairs",
    ]
    learnt = Table("What pretraining reached", *drop_empty_columns(header, [_reached(m) for m in story.pretrained]))
    lead = "N learns its token embeddings; W has them fixed by word2vec. H is the width, L the number of layers."
    return [Section("models", "The encoders", [sizes, learnt], lead)]


def _size(model: Pretrained) -> list[Cell]:
    parameters = model.results.parameters or Parameters()
    total, fixed = parameters.total, parameters.frozen
    share = f" ({percent(fixed / total)})" if fixed and total else ""
    largest = model.results.verified.largest_difference if model.results.verified else None
    return cells(
        model.name,
        count(total),
        count(parameters.trainable),
        f"{count(fixed)}{share}",
        megabytes(model.results.model_bytes),
        _proof(largest) if largest is not None else None,
    )


def _proof(largest: float) -> str:
    return f"equal to {three_digits(largest)}" if largest <= EQUAL else f"DIFFER by {three_digits(largest)}"


def _reached(model: Pretrained) -> list[Cell]:
    epochs = model.epochs
    last = epochs[-1] if epochs else Epoch()
    tokens = sum(finite(epoch.tokens for epoch in epochs))
    partial = " (the last in part)" if last.extrapolated else ""
    loss, held, right = last.train_loss, last.heldout_mlm_loss, last.heldout_mlm_accuracy
    bits, order = last.heldout_bits_per_character, last.heldout_pair_accuracy
    return cells(
        model.name,
        f"{len(epochs)}{partial}" if epochs else None,
        amount(tokens) if tokens else None,
        f"{loss:.3f}" if is_number(loss) else None,
        f"{held:.3f}" if is_number(held) else None,
        percent(right) if is_number(right) else None,
        f"{bits:.3f}" if is_number(bits) else None,
        order_gain_told(model.results),
        percent(order) if is_number(order) else None,
    )


def _notes(story: Story) -> list[str]:
    kept = [m.name for m in story.pretrained if m.results.embeddings_unchanged is True]
    changed = [m.name for m in story.pretrained if m.results.embeddings_unchanged is False]
    notes = []
    if kept:
        notes.append(f"The fixed embeddings of {' and '.join(kept)} are bit-identical before and after training.")
    if changed:
        notes.append(f"The embeddings of {' and '.join(changed)} were meant to stay fixed and CHANGED during training.")
    trivial = [m.name for m in story.pretrained if _order_is_trivial(m)]
    if trivial:
        notes.append(
            f"{' and '.join(trivial)} answered nearly every next-sentence question. Few documents with two sentences "
            "make these questions trivial: the number says nothing about the encoder."
        )
    return notes


def _order_is_trivial(model: Pretrained) -> bool:
    found = model.epochs[-1].heldout_nsp_accuracy if model.epochs else None
    return found is not None and found >= TRIVIAL
