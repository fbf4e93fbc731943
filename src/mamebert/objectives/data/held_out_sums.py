"""What was asked of held-out text, and how it was answered."""

from dataclasses import dataclass


@dataclass
class HeldOutSums:
    """Sums over held-out batches."""

    loss: float = 0.0
    right: int = 0
    asked: int = 0
    sentences_right: int = 0
    sentences_asked: int = 0
    contrast_loss: float = 0.0
    crops_right: int = 0
    crops_asked: int = 0
    lost_in_disorder: float = 0.0
    """How much greater the loss is with the words shuffled, over the `asked_in_disorder` tokens that were asked so."""
    asked_in_disorder: int = 0
    discriminator_loss: float = 0.0
    """Of a discriminator, over all tokens."""
    replaced: int = 0
    """Tokens that a generator had replaced, how many were told as such, and the same of all others."""
    replaced_right: int = 0
    kept: int = 0
    kept_right: int = 0

    def summary(self, question: str = "nsp") -> dict[str, float]:
        """Return mean losses and order gain (nats per asked token, or crop), and shares of right answers.

        `question` is what was asked of pairs.
        """
        found = {}
        if self.asked:
            found["heldout_mlm_loss"] = self.loss / self.asked
            found["heldout_mlm_accuracy"] = self.right / self.asked
        if self.crops_asked:
            found["heldout_contrast_loss"] = self.contrast_loss / self.crops_asked
            found["heldout_found"] = self.crops_right / self.crops_asked
        if self.sentences_asked:
            found[f"heldout_{question}_accuracy"] = self.sentences_right / self.sentences_asked
        if self.kept:
            found["heldout_discriminator_loss"] = self.discriminator_loss / (self.replaced + self.kept)
            shares = self.replaced_right / max(1, self.replaced), self.kept_right / self.kept
            found["heldout_discriminator_accuracy"] = sum(shares) / 2
        if self.asked_in_disorder:
            found["order_gain"] = self.lost_in_disorder / self.asked_in_disorder
        return found
