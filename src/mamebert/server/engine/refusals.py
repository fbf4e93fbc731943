"""Requests that are not answered: a status of HTTP and one sentence."""


class Refused(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: int, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.retry_after = retry_after
        """Seconds after which to come again, where that helps."""


class ClientGone(Exception):
    """Nobody waits for the answer."""


def too_much(sentence: str) -> Refused:
    """Return the refusal of a request that is larger than is taken."""
    return Refused(413, sentence)


def not_understood(sentence: str) -> Refused:
    """Return the refusal of a request that nothing can be answered to."""
    return Refused(422, sentence)
