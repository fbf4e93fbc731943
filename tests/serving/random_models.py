"""Folders of small networks with random weights, one for each shape, task and reading."""

import torch

from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import TaskNetwork, save_network

SMALL = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "max_position_embeddings": 64}
SHAPES = {
    "bert": SMALL,
    "modernbert": {**SMALL, "preset": "modernbert", "local_attention": 8},
    "albert": {**SMALL, "preset": "albert", "embedding_size": 32},
    "roberta": {**SMALL, "preset": "roberta", "pad_token_id": 0},
    "mosaicbert": {**SMALL, "preset": "mosaicbert"},
}
TASKS = {
    "classification": ({"chunks": 3}, TaskState(("a", "b", "c"))),
    "multi_label": ({}, TaskState(("a", "b"))),
    "regression": ({}, TaskState(("label",))),
    "tagging": ({}, TaskState(("O", "B-A", "I-A"))),
    "span_qa": ({}, TaskState()),
    "multiple_choice": ({}, TaskState()),
    "sentence_embeddings": ({}, TaskState()),
    "long_documents": ({}, TaskState(("a", "b"))),
    "taxonomy": ({}, TaskState(("a.b", "a.c", "d.e", "d.f", "d.g"))),
    "dependency_parsing": (
        {"arc_size": 32, "label_size": 16},
        TaskState(("root", "obj", "mod"), {"most_frequent": "obj"}),
    ),
}
LABELLED = TaskState(("no", "yes"))
VECTORS = {
    "every_pooling": ({"pooling": ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]}, None),
    "cls": ({"pooling": ["cls"], "normalize": True}, None),
    "dense": ({"dense": [{"out_features": 32, "activation": "gelu"}, {"out_features": 16, "bias": False}]}, None),
    "labelled": ({"objective": "softmax", "normalize": True}, LABELLED),
}
"""Settings of sentence_embeddings, and what was learnt."""
PAIRS = {"second_columns": ["second"], "chunks": 1}
READINGS = {
    "mean": {"tokens": "mean"},
    "pair": {"tokens": "pair"},
    "layers": {"layers": [-1, 1, -1]},
    "sum": {"layers": "all", "join": "weighted_sum"},
    "pairs_of_layers": {"tokens": "pair", "layers": [-2, -1]},
}


def saved(world, folder, shape, kind, reading=None, settings=None, learnt=None):
    """Return a folder with a network of random weights for a task, and the network."""
    reading = Reading(**(reading or {}))
    about, known = TASKS[kind]
    task, learnt = Task.find(kind)(max_length=64, **{**about, **(settings or {})}), learnt or known
    torch.manual_seed(1)
    size = len((world / "tokens" / "tokenizer" / "vocab.txt").read_text("utf-8").splitlines())
    network = TaskNetwork(task, EncoderConfig(**SHAPES[shape], initializer_range=0.1), size, learnt, reading).eval()
    for name, parameter in (*network.named_parameters(), *network.named_buffers()):
        if name.endswith(("bias", "scores", "arc", "relation", "paths")):
            torch.nn.init.normal_(parameter, std=0.1)
    save_network(network, task, learnt, reading, world / "tokens" / "tokenizer", folder)
    return task, network
