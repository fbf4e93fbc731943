"""The page's first lines: what was made and what came of it, computed from the numbers."""

from math import hypot

from mamebert.reports.page.ablation_verdict import ablation_facts, ablation_sentences
from mamebert.reports.page.comparison import arenas
from mamebert.reports.page.compression_verdict import smaller_facts, smaller_sentences
from mamebert.reports.page.pretraining_wins import facts_on_all, sentences_on_all
from mamebert.reports.page.story import Story
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome
from mamebert.reports.readings.paper_tables import BEST_ACCURACY, BEST_EPOCH, BEST_MODEL
from mamebert.reports.readings.pretrainings import Pretrained
from mamebert.reports.readings.run_json import finite
from mamebert.reports.readings.who_is_ahead import who_is_ahead
from mamebert.reports.readings.word_order import BAG_OF_WORDS, bags_of_words_told, order_gain_told
from mamebert.reports.text.blocks import Fact
from mamebert.reports.text.names import in_a_sentence, measure_name, value_of
from mamebert.reports.text.number_format import amount, clock, count, percent
from mamebert.results.pretrain import Parameters
from mamebert.results.tokenize import TokenizeResults
from mamebert.results.vocab import VocabResults

FEW = 3  # sets that are told one by one; of more, only how many are won


def verdict(story: Story) -> list[str]:
    """Return sentences: on what was made, bags of words, the time of each N and W, smaller models and each task."""
    told = bags_of_words_told({model.short: model.results for model in story.pretrained})
    if several := story.choices:
        return [*ablation_sentences(several), *([told] if told else []), *smaller_sentences(arenas(story))]
    return [
        *what_was_made(story),
        *([told] if told else []),
        *(time_sentence(n, w) for n, w in story.pairs if n.seconds_per_epoch and w.seconds_per_epoch),
        *smaller_sentences(arenas(story)),
        *_on_labelled_rows(story),
    ]


def _on_labelled_rows(story: Story) -> list[str]:
    if len(story.tasks) > FEW:
        return sentences_on_all(story.tasks)
    several = len(story.tasks) > 1
    return [" ".join(told) for task in story.tasks if (told := task_sentences(task, several))]


def facts(story: Story) -> list[Fact]:
    """Return the headline numbers."""
    if several := story.choices:
        return [*smaller_facts(arenas(story)), *ablation_facts(several)]
    found = smaller_facts(arenas(story))
    found += facts_on_all(story.tasks) if len(story.tasks) > 1 else [f for t in story.tasks for f in _task_facts(t)]
    for n, w in story.pairs[:2]:
        if n.seconds_per_epoch and w.seconds_per_epoch:
            found.append(_time_fact(n, w))
    if not story.tasks:
        for model in story.pretrained[:4]:
            held = finite(epoch.heldout_mlm_loss for epoch in model.epochs)[-1:]
            found += [Fact(f"Held-out MLM loss of {model.short}", f"{loss:.3f}", "nats") for loss in held]
            if gain := order_gain_told(model.results):
                found.append(Fact(f"Order gain of {model.short}", gain, f"nats; below {BAG_OF_WORDS} a bag of words"))
    return found


def _task_facts(task: Task) -> list[Fact]:
    found, measure = [], measure_name(task.measure)
    for tested in task.final[:4]:
        seeds = f"mean of {tested.num_seeds} seeds" if tested.num_seeds > 1 else "one seed" if tested.num_seeds else ""
        told = value_of(task.measure, tested.value, tested.spread, 3)
        found.append(Fact(f"{measure} of {tested.short}", told, seeds))
    if best := task.best_baseline:
        found.append(Fact("Strongest baseline", value_of(task.measure, best.value, digits=3), best.name))
    return found


def _time_fact(n: Pretrained, w: Pretrained) -> Fact:
    """Return the change in processor time where it is known: the clock counts other work on the machine too."""
    by_n, by_w = n.processor_seconds_per_epoch, w.processor_seconds_per_epoch
    title, beside = "Processor time of an epoch", "by the clock "
    if not by_n or not by_w:
        by_n, by_w = n.seconds_per_epoch, w.seconds_per_epoch
        title, beside = "Epoch time", ""
    change = (by_w or 0) / (by_n or 1) - 1
    shape = "" if n.alone else f", {n.shape}"
    reckoned = "≈ " if n.extrapolated or w.extrapolated else ""
    sign = "−" if change < 0 else "+"
    return Fact(
        f"{title}, W against N{shape}",
        f"{reckoned}{sign}{percent(abs(change))}",
        f"{beside}{clock(w.seconds_per_epoch)} against {clock(n.seconds_per_epoch)}",
    )


def what_was_made(story: Story) -> list[str]:
    """Return one sentence on text, vocabulary and encoders; none where there are none of them."""
    trained = (TokenizeResults.read(run.results).train for run in story.of("tokenize"))
    tokens = sum(part.tokens or 0 for part in trained if part)
    read = max((model.results.tokens or 0 for model in story.pretrained), default=0)
    size = max((VocabResults.read(run.results).size or 0 for run in story.of("vocab")), default=0)
    of_text = f"{amount(read)} of {amount(tokens)}" if 0 < read < tokens else amount(tokens)
    text = [f"{of_text} tokens of text"] if tokens else []
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


def task_sentences(task: Task, several: bool = False) -> list[str]:
    """Return N against W, then the best encoder against the strongest baseline and the paper.

    Where there are `several` sets, each is called by its name.
    """
    models, best = task.encoders, task.best_encoder
    if not best:
        return []
    seeds = max(m.num_seeds for m in models)
    measured = f" (mean ± spread over {seeds} seeds)" if seeds > 1 else " (one seed)" if seeds else ""
    scores = _and([f"{m.short} {value_of(task.measure, m.value, m.spread, 3)}" for m in models])
    title = f"{task.name}: {task.title}" if several else task.title
    sentences = [f"{title}: {in_a_sentence(task.measure)} {scores}{measured}."]
    for shape in dict.fromkeys(m.pretrained.shape for m in models if m.pretrained):
        both = {m.pretrained.side: m for m in models if m.pretrained and m.pretrained.shape == shape}
        if {"N", "W"} <= both.keys():
            sentences.append(against(both["W"], both["N"], task.chance(both["W"], both["N"])))
    sentences += [against(best, t, task.chance(best, t)) for t in (task.twin(best), task.best_baseline) if t]
    if task.is_livedoor and "accuracy" in best.scores:
        sentences.append(_paper(best))
    if any(m.seen_test_text for m in models):
        sentences.append("The unlabelled test texts were part of the pretraining text.")
    return sentences


def against(a: Outcome, b: Outcome, chance: float | None = None) -> str:
    """Return who is ahead; nobody is within the spread, on one seed, or at a `chance` (p) of 0.05 and more."""
    found = who_is_ahead(a, b, chance)
    first = f"{found.ahead.beginning} is {found.gap:.3f} above {found.behind.short}"
    if found.doubt == "too few seeds":
        return f"{first}, on too few seeds to tell it from chance."
    if found.doubt == "within the spread":
        within = f"within the spread ({found.spread:.3f})"
        return f"{a.beginning} and {b.short} differ by {found.gap:.3f}, {within}: neither is ahead."
    if found.doubt == "chance":
        return f"{first}, which can still be chance (p = {chance:.2f})."
    return f"{found.ahead.beginning} is ahead of {found.behind.short} by {found.gap:.3f}."


def _paper(best: Outcome) -> str:
    paper = f"the paper's best of {BEST_ACCURACY} ({BEST_MODEL}, epoch {BEST_EPOCH}, one seed, other pretraining text)"
    ours = best.scores["accuracy"]
    gap = ours.mean - BEST_ACCURACY
    if ours.spread is None:
        return f"{best.short} stands {gap:+.3f} from {paper}."
    if abs(gap) <= ours.spread:
        return f"{best.short} cannot be told from {paper}."
    return f"{best.short} is {'above' if gap > 0 else 'below'} {paper}."


def _described(model: Pretrained) -> str:
    parameters = model.results.parameters or Parameters()
    total, fixed = parameters.total, parameters.frozen
    if total is None:
        return model.short
    if not fixed:
        return f"{model.short} ({amount(total)} parameters, all learnt)"
    # An encoder that learns its embeddings may keep its sines and cosines.
    what = "of them, the positions, fixed" if model.side == "N" else "of them fixed by word2vec"
    return f"{model.short} ({amount(total)} parameters, {amount(fixed)} {what})"


def _and(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _number(n: int) -> str:
    return {2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six"}.get(n, str(n))
