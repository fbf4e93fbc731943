"""The page's first lines: what was made and what came of it, computed from the numbers.

A difference is only called one when it is larger than the spreads of both sides taken together
(the root of the sum of their squares).
"""

from math import hypot

from mamebert.reports.blocks import Fact
from mamebert.reports.encoders import Pretrained
from mamebert.reports.numbers import amount, clock, count, is_number, percent, score
from mamebert.reports.outcomes import Outcome, Task
from mamebert.reports.paper_tables import BEST_ACCURACY, BEST_EPOCH, BEST_MODEL
from mamebert.reports.records import dig, listed, numbers
from mamebert.reports.story import Story

LIKELY = 0.05  # the customary bound of p, above which a difference is put down to chance


def verdict(story: Story) -> list[str]:
    """Return a sentence on what was made, one on the time of each N and W, and some on each task."""
    return [
        *what_was_made(story),
        *(time_sentence(n, w) for n, w in story.pairs if n.seconds_per_epoch and w.seconds_per_epoch),
        *(" ".join(sentences) for task in story.tasks if (sentences := task_sentences(task))),
    ]


def facts(story: Story) -> list[Fact]:
    """Return the headline numbers."""
    found = []
    for task in story.tasks[:1]:
        for tested in task.final[:4]:
            seeds = (
                f"mean of {tested.num_seeds} seeds" if tested.num_seeds > 1 else "one seed" if tested.num_seeds else ""
            )
            found.append(Fact(f"Accuracy of {tested.short}", score(tested.accuracy, tested.spread, 3), seeds))
        if task.baselines:
            best = max(task.baselines, key=lambda b: b.accuracy)
            found.append(Fact("Strongest baseline", score(best.accuracy, digits=3), best.name))
    for n, w in story.pairs[:2]:
        if n.seconds_per_epoch and w.seconds_per_epoch:
            found.append(_time_fact(n, w, w.seconds_per_epoch / n.seconds_per_epoch - 1))
    if not story.tasks:
        for model in story.pretrained[:4]:
            held = numbers(model.epochs, "heldout_mlm_loss")[-1:]
            found += [Fact(f"Held-out MLM loss of {model.short}", f"{loss:.3f}", "nats") for loss in held]
    return found


def _time_fact(n: Pretrained, w: Pretrained, change: float) -> Fact:
    shape = "" if n.alone else f", {n.shape}"
    reckoned = "≈ " if n.extrapolated or w.extrapolated else ""
    sign = "−" if change < 0 else "+"
    return Fact(
        f"Epoch time, W against N{shape}",
        f"{reckoned}{sign}{percent(abs(change))}",
        f"{clock(w.seconds_per_epoch)} against {clock(n.seconds_per_epoch)}",
    )


def what_was_made(story: Story) -> list[str]:
    """Return one sentence on text, vocabulary and encoders; none where there are none of them."""
    tokens = _sum(story, "tokenize", "train.tokens")
    size = max((dig(run.results, "size", 0) for run in story.of("vocab")), default=0)
    text = [f"{amount(tokens)} tokens of text"] if tokens else []
    vocabulary = [f"a vocabulary of {count(size)}"] if size else []
    models = [_described(m) for m in story.pretrained]
    if not models:
        return [f"Made from {_and([*text, *vocabulary])}."] if text or vocabulary else []
    with_what = f" with {_and([*text, *vocabulary])}" if text or vocabulary else ""
    shape = f" of shape {story.pretrained[0].shape}" if story.pretrained[0].alone else ""
    noun = f"One encoder{shape} was" if len(models) == 1 else f"{_number(len(models))} encoders{shape} were"
    return [f"{noun} pretrained from scratch{with_what}: {_and(models)}."]


def time_sentence(n: Pretrained, w: Pretrained) -> str:
    """Return what W saves per epoch, by the clock and in processor time, or that it cannot be told."""
    return " ".join(sentence for sentence in (_by_the_clock(n, w), _by_the_processor(n, w)) if sentence)


def _by_the_processor(n: Pretrained, w: Pretrained) -> str:
    by_n, by_w = n.processor_seconds_per_epoch, w.processor_seconds_per_epoch
    if not by_n or not by_w:
        return ""
    change = 1 - by_w / by_n
    size = f"{percent(abs(change))} {'less' if change > 0 else 'more'}"
    return f"In processor time, which other work on the machine hardly changes, it takes {size}."


def _by_the_clock(n: Pretrained, w: Pretrained) -> str:
    by_n, by_w = n.seconds_per_epoch or 0.0, w.seconds_per_epoch or 0.0
    change = 1 - by_w / by_n
    spread = hypot(n.seconds_spread or 0, w.seconds_spread or 0)
    times = f"{clock(by_w)} per epoch against {clock(by_n)}"
    reckoned = ", reckoned from a part of an epoch" if n.extrapolated or w.extrapolated else ""
    if n.seconds_spread is None or w.seconds_spread is None:
        size = (
            "as long as"
            if round(change, 4) == 0
            else f"{percent(abs(change))} {'less' if change > 0 else 'more'} time than"
        )
        unknown = "no spread is known (under two whole epochs)"
        return f"{w.short} took {size} {n.short} ({times}{reckoned}); {unknown}."
    if abs(by_n - by_w) <= spread:
        return f"{w.short} and {n.short} cost the same time within the spread ({times})."
    size = f"{percent(abs(change))} {'less' if change > 0 else 'more'} time"
    return f"{w.short} takes {size} per epoch than {n.short} ({clock(by_w)} against {clock(by_n)})."


def task_sentences(task: Task) -> list[str]:
    """Return N against W, then the best encoder against the strongest baseline and the paper."""
    models = _fair(task.final)
    if not models:
        return []
    seeds = max(m.num_seeds for m in models)
    measured = f"mean ± spread over {seeds} seeds" if seeds > 1 else "one seed"
    scores = _and([f"{m.short} {score(m.accuracy, m.spread, 3)}" for m in models])
    sentences = [f"{task.title}: accuracy {scores} ({measured})."]
    for shape in dict.fromkeys(m.pretrained.shape for m in models if m.pretrained):
        both = {m.pretrained.side: m for m in models if m.pretrained and m.pretrained.shape == shape}
        if {"N", "W"} <= both.keys():
            sentences.append(against(both["W"], both["N"], _chance(task, both["W"], both["N"])))
    best = max(models, key=lambda m: m.accuracy)
    if baselines := _fair(task.baselines):
        sentences.append(against(best, max(baselines, key=lambda b: b.accuracy)))
    if task.is_livedoor:
        sentences.append(_paper(best))
    if any(m.seen_test_text for m in models):
        sentences.append("The unlabelled test texts were part of the pretraining text.")
    return sentences


def against(a: Outcome, b: Outcome, chance: float | None = None) -> str:
    """Return who is ahead; nobody is within the spread, on one seed, or at a `chance` (p) of 0.05 and more."""
    gap = abs(a.accuracy - b.accuracy)
    ahead, behind = (a, b) if a.accuracy >= b.accuracy else (b, a)
    spread = hypot(a.spread or 0, b.spread or 0)
    if any(t.num_seeds == 1 or (t.num_seeds > 1 and t.spread is None) for t in (a, b)):
        return f"{ahead.short} is {gap:.3f} above {behind.short}, on too few seeds to tell it from chance."
    if gap <= spread:
        return f"{a.short} and {b.short} differ by {gap:.3f}, within the spread ({spread:.3f}): neither is ahead."
    if chance is not None and chance >= LIKELY:
        return f"{ahead.short} is {gap:.3f} above {behind.short}, which can still be chance (p = {chance:.2f})."
    return f"{ahead.short} is ahead of {behind.short} by {gap:.3f}."


def _paper(best: Outcome) -> str:
    paper = f"the paper's best of {BEST_ACCURACY} ({BEST_MODEL}, epoch {BEST_EPOCH}, one seed, other pretraining text)"
    gap = best.accuracy - BEST_ACCURACY
    if abs(gap) <= (best.spread or 0) or best.spread is None:
        return (
            f"{best.short} cannot be told from {paper}."
            if best.spread is not None
            else f"{best.short} stands {gap:+.3f} from {paper}."
        )
    return f"{best.short} is {'above' if gap > 0 else 'below'} {paper}."


def _chance(task: Task, a: Outcome, b: Outcome) -> float | None:
    names = [{t.name, t.pretrained.side if t.pretrained else t.name} for t in (a, b)]
    for pair in listed(task.run.results, "comparisons"):
        told = {dig(pair, "a"), dig(pair, "b")}
        if all(told & each for each in names) and is_number(dig(pair, "p")):
            return float(str(dig(pair, "p")))
    return None


def _fair(tested: list[Outcome]) -> list[Outcome]:
    return [t for t in tested if not t.seen_test_text] or tested


def _described(model: Pretrained) -> str:
    total, fixed = dig(model.results, "parameters.total"), dig(model.results, "parameters.frozen")
    if not is_number(total):
        return model.short
    return f"{model.short} ({amount(total)} parameters" + (
        f", {amount(fixed)} of them fixed by word2vec)" if fixed else ", all learnt)"
    )


def _sum(story: Story, command: str, path: str) -> float:
    found = [dig(run.results, path) for run in story.of(command)]
    return sum(float(each) for each in found if is_number(each))


def _and(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _number(n: int) -> str:
    return {2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six"}.get(n, str(n))
