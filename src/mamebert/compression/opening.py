"""Any folder, and any form of a compressed model, as something that answers."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import ModelFolder, model_folder, read_config, tokenizer_for
from mamebert.checkpoints.purposes import WORDS, Purpose, kind_of
from mamebert.checkpoints.static_embedding import is_static, open_static
from mamebert.checkpoints.weights import GET_ANEW, INDEX, WEIGHTS
from mamebert.compression.contract import Form, Subject
from mamebert.compression.forms.onnx_runtime import GRAPH, open_graph
from mamebert.compression.goals import MaskedWords, TaskGoal
from mamebert.compression.methods import Compressor
from mamebert.config import build
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.tasks.bag.folder import is_bag, open_bag
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.static_network import StaticNetwork, task_of_table
from mamebert.tasks.network.task_network import open_network
from mamebert.tokenizer.encoding import Tokenizer


@dataclass(frozen=True)
class Opened:
    """A model that answers, however it is computed."""

    subject: Subject
    """What is known of it; its network gathers and concludes as a `TaskNetwork` does."""
    tokenizer_folder: Path

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer; one with more tokens than there is room for is a UserError."""
        return tokenizer_for(self.tokenizer_folder, self.subject.vocab_size)


def open_subject(path: Path, objective: Objective | None = None, purpose: Purpose | None = None) -> Subject:
    """Open the output of finetune, pretrain or compress, or a folder from elsewhere.

    `objective` is what a pretrained encoder is asked; by default masked words, in sequences as long as it reads. A
    folder that can do several things does what `purpose` says: any encoder gives vectors of texts, and an encoder of
    `sentence-transformers` may also have a masked-word head.
    """
    place = model_folder(path)
    config = read_config(place)
    if is_static(config):
        return _open_static(place)
    about = config.get("mamebert") or {}
    if is_bag(config):
        task, learnt, bag = open_bag(place)
        return Subject(bag, TaskGoal(task, learnt, Reading(), Kept.read(about.get("reader"), place)), place)
    if about.get("altered_by"):
        return _open_altered(place, about["altered_by"])
    folder = ModelFolder.open(place)
    kind = None if "task" in about else kind_of(folder, purpose)
    if kind != WORDS:
        task, learnt, network = open_network(place, kind)
        kept = Kept.read(about.get("reader"), place)
        return Subject(network, TaskGoal(task, learnt, build(Reading, about.get("reading", {})), kept), place)
    asked = objective or Objective.find("masked_lm")(max_length=folder.shape.max_position_embeddings)
    encoder = load_pretraining(place)
    return Subject(encoder, MaskedWords(asked, encoder.cls.predictions.tied), place)


def _open_static(place: Path) -> Subject:
    """Open a table of word vectors, which answers with vectors of texts."""
    network = StaticNetwork(open_static(place))
    return Subject(network, TaskGoal(task_of_table(network.normalize), TaskState(), Reading()), place)


def _open_altered(place: Path, kind: str) -> Subject:
    """Let the method open a folder that it wrote; whatever else than it writes is found there is a UserError."""
    try:
        subject: Subject = Compressor.find(kind).open(place)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        if isinstance(error, UserError):
            raise
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{place} holds something else than {kind} writes ({reason}). {GET_ANEW}") from error
    return subject


def open_main(folder: Path, device: torch.device | str = "cpu", purpose: Purpose | None = None) -> Opened:
    """Open what answers fastest in a folder: a graph of bytes where there is one that can be run, else the network.

    A graph that lies beside the weights of an ordinary network was made elsewhere, and the weights answer.
    """
    is_ours = bool((read_config(folder).get("mamebert") or {}).get("altered_by"))
    has_weights = any((folder / name).exists() for name in (WEIGHTS, INDEX))
    has_graph = (folder / GRAPH).is_file() and find_spec("onnxruntime") is not None and (is_ours or not has_weights)
    return open_form(folder, Form("onnx_int8", GRAPH, "") if has_graph else Form("plain", ".", ""), device, purpose)


def open_form(folder: Path, form: Form, device: torch.device | str = "cpu", purpose: Purpose | None = None) -> Opened:
    """Open one form of the model in `folder`, ready to answer."""
    place = folder / form.place
    if form.name in ("onnx", "onnx_int8"):
        return Opened(open_graph(folder, place), folder)
    subject = open_subject(place, purpose=purpose)
    subject.network.to(device).eval()
    return Opened(subject, place)
