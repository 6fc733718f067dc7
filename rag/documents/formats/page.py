"""What every parser returns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Text of one page (PDF), slide or sheet; `number` counts from 1 and is None where there are no pages."""

    number: int | None
    text: str


TitledPages = tuple[str, list[Page]]
"""A document's title and its pages, as the file has them."""
