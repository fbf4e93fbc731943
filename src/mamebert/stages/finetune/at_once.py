"""Several trainings of a fine-tuning at a time: a small encoder leaves most of a second core idle.

A training of the demo's W (H128-L2, 16 rows a step) took 38 s on two threads of two cores, beside other work, and 50 on
one, under a profiler.
"""

from collections.abc import Iterator
from functools import partial

import torch

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.corpus.parallel import num_cores, ordered_map
from mamebert.progress import lines_alone, say
from mamebert.stages.finetune.candidates import Candidate, candidates, twin
from mamebert.stages.finetune.defaults import decide
from mamebert.stages.finetune.finetuning import Finetuning
from mamebert.stages.finetune.search import with_settings
from mamebert.training.devices import pick_device

LEAST_TOKENS = 200_000
"""Tokens that a training reads in all, from which it pays to start a process for it: that takes about five seconds."""

Job = tuple[Candidate, int]
"""A model, and the seed with which it is trained."""


def train_at_once(work: Finetuning) -> None:
    """Train all networks that are not trained yet, if several at a time are faster; the results lie in files then."""
    jobs = list(_jobs(work))
    processes = min(_processes(work, jobs), len(jobs))
    if processes < 2:
        return
    say(f"{len(jobs)} trainings, {processes} at a time")
    threads = max(1, torch.get_num_threads() // processes)
    for model, _ in jobs[:1]:
        work.rows.to(model)  # shown once, for all that read with its tokenizer
    for _ in ordered_map(partial(_train, work, threads), jobs, processes, abandon=True):
        pass


def _jobs(work: Finetuning) -> Iterator[Job]:
    config = work.config
    if config.search.method != "none":  # which decides with what all seeds are trained
        return
    for model in candidates(config):
        if not model.is_table and not twin(model, config):
            yield from ((model, seed) for seed in model.seeds if not work.done_before(model, seed))


def _processes(work: Finetuning, jobs: list[Job]) -> int:
    config = work.config
    # The hidden states of an encoder that does not learn are computed once, for all seeds.
    if len(jobs) < 2 or config.learning.trainable == "head" or pick_device(config.training.device).type != "cpu":
        return 1
    if config.processes:
        return config.processes
    models = {model.path: model for model, _ in jobs}
    pays = all(ModelFolder.open(path).shape.is_small for path in models)
    return num_cores() if pays and _tokens(work, jobs[0][0]) >= LEAST_TOKENS else 1


def _tokens(work: Finetuning, model: Candidate) -> float:
    """Return how many tokens the training of one seed reads, about."""
    rows, shape = work.rows_of(model), ModelFolder.open(model.path).shape
    config = with_settings(work.config, decide(work.config, shape, rows))
    of_epoch = rows.number * rows.tokens
    if config.training.epochs:
        return of_epoch * config.training.epochs
    assert config.batch_rows is not None, "nothing is open where all is decided"
    return config.training.steps * of_epoch / rows.steps(config.batch_rows, config.training.closed().batch_tokens)


def _train(work: Finetuning, threads: int, job: Job) -> None:
    lines_alone()
    torch.set_num_threads(threads)
    work.train(*job, work.config)
