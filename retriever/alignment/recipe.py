"""How long and how fast to train: the settings that all methods share."""

from dataclasses import dataclass

SHORT_TEXT = 128
"""Tokens that texts are cut at in training, where a method does not need whole passages."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast to train.

    `mini_batch` bounds memory by cached gradients; None embeds a batch at once. `max_tokens` truncates texts in
    training only. Without `dropout` a step takes two thirds of the time, and resumed training ends with the same
    weights as training in one go. Every `check_every` steps the guard measures the development questions; after
    `patience` checks without a better result training ends. The guard lets English lose `english_tolerance` of R@1.
    """

    steps: int
    batch: int = 64
    learning_rate: float = 5e-5
    warmup: float = 0.05
    mini_batch: int | None = None
    max_tokens: int = SHORT_TEXT
    freeze_words: bool = True
    dropout: float = 0.0
    check_every: int = 50
    patience: int = 4
    english_tolerance: float = 0.005
    seed: int = 1

    @property
    def row_count(self) -> int:
        """Rows that the steps take.

        >>> Recipe(steps=3, batch=8).row_count
        24
        """
        return self.steps * self.batch
