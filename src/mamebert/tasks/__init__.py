"""Uses of an encoder: ONE FILE PER TASK SHAPE."""

from mamebert.config import Choice


class Task(Choice):
    """What a fine-tuned model is asked for."""
