"""`--dry-run` of a pretraining: what it will take, measured on some of its steps."""

import json
from time import monotonic
from typing import Any

import torch

from mamebert.encoder.fixed_embeddings import words
from mamebert.evaluation.cost.memory import peak_memory
from mamebert.evaluation.cost.peak_flops import product_peak
from mamebert.stages.pretrain.checks import step_size
from mamebert.stages.pretrain.progress_counts import Clock
from mamebert.stages.pretrain.pseudo_perplexity import BeforeAndAfter
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.training.loop import Step
from mamebert.training.snapshot import state_of

MOST_PARAMETERS = 250_000_000
"""A network of more (1 GB) is not made for a dry run."""
MOST_SECONDS, MOST_LAYERS = 8.0, 100


def estimate(config: PretrainConfig, timed_steps: int = 20) -> dict[str, Any]:
    """Return what a pretraining will take, from some timed steps, without writing anything.

    Where a step alone would take long, only its size is told, and a time reckoned from it.
    """
    parameters, step_seconds = step_size(config)
    if parameters > MOST_PARAMETERS or step_seconds > MOST_SECONDS or config.encoder.num_hidden_layers > MOST_LAYERS:
        return {
            "parameters": {"total": parameters},
            "seconds_of_a_step": round(step_seconds, 1),
            "source": "reckoned: too large to be tried in seconds",
        }
    work = PretrainingSteps(config)
    BeforeAndAfter(config, work.tokenizer)  # refuses what the run would refuse
    num_steps = work.total_steps
    _without_ramp(work)
    clock, tokens, flops, begun = Clock(), 0, 0, monotonic()
    for number, (step, batch) in enumerate(work):
        last = step
        if number == 0 and num_steps > 1:  # the first step warms up allocators and thread pools
            clock.restart()
            continue
        tokens += len(batch.packed.ids)
        flops += config.objective.flops(work.network, batch)
        if number == timed_steps or monotonic() - begun > MOST_SECONDS:
            break
    seconds, _ = clock.lap()
    work.measure()  # its batches stay in memory from the first evaluation on
    rate = tokens / seconds
    peak = product_peak(work.device, work.network.bert.compute_dtype, torch.get_num_threads())
    return {
        "name": work.name,
        "parameters": work.parameters,
        "peak_memory_bytes": peak_memory(work.device) + _held_later(work),
        "disk_bytes": _disk(work, num_steps, last),
        "steps": num_steps,
        "tokens_per_epoch": work.epoch(0).num_tokens,
        "tokens_per_second": round(rate),
        "mfu": round(flops / seconds / peak.flops, 4),
        "seconds_per_epoch": round(work.epoch(0).num_tokens / rate, 1),
        "seconds_in_all": round(_tokens_of(num_steps, config) / rate, 1),
    }


def _without_ramp(work: PretrainingSteps) -> None:
    # A ramp begins with small batches; memory and speed are those of the large ones.
    work.training = work.training.model_copy(update={"batch_ramp": 0})
    work.epoch.cache_clear()


def _tokens_of(num_steps: int, config: PretrainConfig) -> int:
    read, training = 0, config.training
    while num_steps and read < training.batch_ramp:  # three times at most: batches stay alike for a third of the ramp
        size = training.batch_tokens_at(read)
        end = -(-(3 * read // training.batch_ramp + 1) * training.batch_ramp // 3)
        taken = min(num_steps, -(-(end - read) // size))
        read, num_steps = read + taken * size, num_steps - taken
    return read + num_steps * training.batch_tokens


def _held_later(work: PretrainingSteps) -> int:
    """Return the bytes that a whole training holds and some steps do not: copies for snapshots, and a table let go.

    Snapshots are copied to the processor's memory, wherever the training runs.
    """
    copies = 0 if work.device.type == "cuda" else _bytes_of_state(work)
    table = words(work.network)
    thaws = work.config.embeddings.unfreeze_after_epochs and not table.requires_grad
    # Gradient and AdamW's two means of the table, and the copies of these two.
    later = (3 if work.device.type == "cuda" else 5) * table.numel() * table.element_size() if thaws else 0
    return copies + later


def _disk(work: PretrainingSteps, num_steps: int, step: Step) -> dict[str, int]:
    """Return the bytes of everything the run folder will hold, at most; the snapshots go when the run is finished."""
    config = work.config
    tokenizer = sum(path.stat().st_size for path in work.shards.tokenizer_folder.iterdir())
    model = 4 * work.parameters["total"] + tokenizer
    num_snapshots = config.keep_snapshots + 1 + (2 if config.trouble.goes_back else 0)  # one is being written
    line = len(json.dumps(work.count.line(step))) + len(', "tokens_per_second": 100000')
    num_lines = num_steps // config.record_every + num_steps // config.evaluate_every
    found = {
        "model": model,
        "kept_models": model * max(0, config.keep_models - 1),
        "snapshots": num_snapshots * _bytes_of_state(work),
        "metrics": line * num_lines,
    }
    return {**found, "in_all": sum(found.values())}


def _bytes_of_state(work: PretrainingSteps) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in state_of(work.network, work.optimizer).values())
