"""What `isthmus align` needs of a method: what it trains, and what it leaves alone."""

from dataclasses import dataclass
from typing import Protocol

from datasets import Dataset
from sentence_transformers import SentenceTransformer
from torch import nn

from retriever.alignment.data import Material
from retriever.alignment.recipe import Recipe
from retriever.models.encoder import Encoder


@dataclass(frozen=True, slots=True)
class Training:
    """What a method trains on and by: rows whose texts carry their prefixes, a loss, and a note for the model card.

    With `unique_texts` no text recurs within a batch, which then may hold fewer rows: a row's own passage, as another
    row's, would count as a wrong answer.
    """

    rows: Dataset
    loss: nn.Module
    note: str
    unique_texts: bool = False


class Method(Protocol):
    """A way to align an encoder: a frozen dataclass whose fields are the method's own parameters.

    `isthmus align` sets the fields that are named like its options.
    """

    @property
    def name(self) -> str:
        """The method as the option --method names it."""
        ...

    @property
    def keeps_passages(self) -> bool:
        """Whether the untouched encoder goes on embedding passages, so that indexes stay valid."""
        ...

    @property
    def keeps_english_queries(self) -> bool:
        """Whether the untouched encoder goes on embedding English queries."""
        ...

    @property
    def matches_tokens(self) -> bool:
        """Whether it trains token vectors, so that late interaction measures it."""
        ...

    @property
    def uses_all_labelled(self) -> bool:
        """Whether it trains on labelled queries of every language, whatever languages the plan names."""
        ...


class TrainedMethod(Method, Protocol):
    """A method that trains the encoder on public data."""

    def prepare(self, material: Material, base: Encoder, model: SentenceTransformer, recipe: Recipe) -> Training:
        """Rows from the material and the untouched `base`, and the loss of `model`, the copy that is trained.

        Raises DataError if the material does not suffice.
        """
        ...
