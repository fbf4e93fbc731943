"""Figures for Prometheus, by its own client; each application has a registry of its own."""

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TOKENS = tuple(2**power for power in range(3, 17))


class Queue(Protocol):
    """What waits."""

    @property
    def pieces(self) -> "Sized":
        """The texts."""

    @property
    def tokens(self) -> int:
        """Their tokens, about."""


class Sized(Protocol):
    """Something with a length."""

    def __len__(self) -> int:
        """Return it."""


class Metrics:
    """All figures of a server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        one = ["model"]
        self.requests = Counter(
            "mamebert_requests", "Requests that were answered or refused", ["route", "status"], registry=self.registry
        )
        self.latency = Histogram(
            "mamebert_request_seconds",
            "Seconds from the first byte to the last",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.texts = Counter("mamebert_texts", "Texts that were answered", one, registry=self.registry)
        self.tokens = Counter("mamebert_tokens", "Tokens that were read", one, registry=self.registry)
        self.batch_tokens = Histogram(
            "mamebert_batch_tokens", "Tokens of a batch", one, buckets=TOKENS, registry=self.registry
        )
        self.batch_seconds = Histogram(
            "mamebert_batch_seconds", "Seconds of a batch", one, buckets=SECONDS, registry=self.registry
        )
        self.queue_texts = Gauge("mamebert_queue_texts", "Texts that wait", one, registry=self.registry)
        self.queue_tokens = Gauge("mamebert_queue_tokens", "Tokens that wait, about", one, registry=self.registry)
        self.worker_up = Gauge("mamebert_worker_up", "1 while the worker is there", one, registry=self.registry)
        self.deaths = Counter("mamebert_worker_deaths", "Workers that ended by themselves", one, registry=self.registry)
        self.timeouts = Counter("mamebert_timeouts", "Requests that were given up", one, registry=self.registry)
        self.replacements = Counter("mamebert_replacements", "Folders taken over", one, registry=self.registry)

    def told(self) -> bytes:
        """Return all of them in the format of Prometheus."""
        return generate_latest(self.registry)


class ModelMetrics:
    """The figures of one model."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._all = metrics
        self._name = name
        self._texts, self._tokens = metrics.texts.labels(name), metrics.tokens.labels(name)
        self._batch_tokens, self._batch_seconds = metrics.batch_tokens.labels(name), metrics.batch_seconds.labels(name)

    def follow(self, queue: Queue) -> None:
        """Tell how much waits whenever somebody asks."""
        self._all.queue_texts.labels(self._name).set_function(lambda: len(queue.pieces))
        self._all.queue_tokens.labels(self._name).set_function(lambda: queue.tokens)

    def batch(self, texts: int, tokens: int, seconds: float) -> None:
        """Count a batch."""
        self._texts.inc(texts)
        self._tokens.inc(tokens)
        self._batch_tokens.observe(tokens)
        self._batch_seconds.observe(seconds)

    def up(self, is_up: bool) -> None:
        """Tell whether the worker is there."""
        self._all.worker_up.labels(self._name).set(int(is_up))

    def died(self) -> None:
        """Count a worker that ended by itself."""
        self._all.deaths.labels(self._name).inc()

    def timed_out(self) -> None:
        """Count a request that was given up."""
        self._all.timeouts.labels(self._name).inc()

    def replaced(self) -> None:
        """Count a folder that was taken over."""
        self._all.replacements.labels(self._name).inc()
