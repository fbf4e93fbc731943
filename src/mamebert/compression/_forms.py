"""A compressed model on disk: as plain transformers holds it, and where no class of it does, as ours and as plain."""

from pathlib import Path

from mamebert.checkpoints.layouts import layout_for
from mamebert.checkpoints.model_folder import read_config
from mamebert.checkpoints.sentence_modules import root_of
from mamebert.compression import Form, Subject
from mamebert.compression._shapes import densified

DENSE = "dense"
"""Where, within the folder of a compact model, the plain one lies that gives the same outputs."""


def save_forms(subject: Subject, folder: Path) -> list[Form]:
    """Write a network of ordinary arithmetic and return its forms, the main one first.

    A shape that some plain class holds is saved once. Any other (heads or widths that differ from layer to layer) is
    saved twice: compact, for us, and dense beside it, with zeros in the place of what was cut. Of an encoder with
    bottlenecks that no plain class has, as the paper's IB-BERT, there is only the compact form.
    """
    subject.goal.save(subject.network, subject.folder, folder)
    if layout_for(subject.bert.config):
        return [Form("plain", ".", opens_with(folder))]
    if subject.bert.config.bottleneck:
        return [Form("compact", ".", "mamebert")]
    dense = densified(subject)
    dense.goal.save(dense.network, subject.folder, folder / DENSE)
    return [Form("compact", ".", "mamebert"), Form("plain", DENSE, opens_with(folder / DENSE))]


def opens_with(folder: Path) -> str:
    """Return which class of plain transformers a folder says it is of, and whether sentence-transformers has it too."""
    return (
        f"transformers {read_config(folder)['architectures'][0]}{', sentence-transformers' if root_of(folder) else ''}"
    )
