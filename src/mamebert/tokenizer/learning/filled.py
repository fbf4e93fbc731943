"""A text that does not fill the vocabulary that was asked for."""

from mamebert.errors import UserError


class TooFewPieces(UserError):
    """The text supports fewer pieces than were asked for."""

    def __init__(self, supported: int, size: int, or_else: str = "") -> None:
        super().__init__(
            f"The text supports a vocabulary of {supported:,} pieces, not {size:,}. Set vocabulary.size={supported} or "
            f"less{or_else}, or give more text."
        )
        self.supported = supported


def require_filled(supported: int, size: int, or_else: str = "") -> None:
    """Raise a UserError where the text supports fewer pieces than were asked for; `or_else` is another way out."""
    if supported < size:
        raise TooFewPieces(supported, size, or_else)
