"""LiRA's network: a query and its English translations become one vector (arXiv 2510.14466).

Both encoders stay frozen. An adaptor moves the query's view towards English (Arca), an actor chooses one of several
translations, and a fuser joins both views (LaSR). All residuals start at zero: an untrained network gives the mean of
the two encoders' vectors. The paper publishes neither code nor sizes: sizes, residuals and initial values are ours.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, from_numpy, nn
from torch.nn import functional

from retriever.errors import IsthmusError
from retriever.models.encoder import LIRA_FILE
from retriever.types import Vectors

BINS, BOTTLENECK, ACTOR_WIDTH, HEAD_WIDTH = 8, 192, 16, 64
RATINGS = ("semantics", "emotion", "pragmatics")
"""What the language-model critic rates a translation for."""
UNKNOWN = "?"
"""The language token of languages that training has not seen."""


@dataclass(frozen=True, slots=True)
class View:
    """A batch of texts as a frozen encoder sees them.

    `vectors` (B, d) are unit vectors of the whole texts, `bins` (B, S, d) the means of S runs of their token vectors.
    """

    vectors: Tensor
    bins: Tensor


@dataclass(frozen=True, slots=True)
class Fused:
    """A batch of fused queries, (B, d) each: unit vectors, fused and of both views, and what the fuser adds."""

    vectors: Tensor
    own: Tensor
    english: Tensor
    residual: Tensor


def make_view(vectors: Sequence[Vectors], tokens: Sequence[Vectors | None]) -> View:
    """The view of texts by their vectors and their token vectors.

    Where a model makes none, or they are of another width, the text's vector stands in every bin.
    """
    rows = [from_numpy(vector) for vector in vectors]
    bins = [
        row.expand(BINS, -1) if one is None or one.shape[1:] != row.shape else pool_bins(from_numpy(one))
        for row, one in zip(rows, tokens, strict=True)
    ]
    return View(torch.stack(rows), torch.stack(bins))


def pool_bins(tokens: Tensor, bins: int = BINS) -> Tensor:
    """The means of `bins` runs of token vectors of about equal length, (bins, d), of (tokens, d).

    Of fewer tokens than bins, some are in several.
    """
    return functional.adaptive_avg_pool1d(tokens.T[None], bins)[0].T


class LiraNetwork(nn.Module):
    """LiRA's trained parts, for vectors of `dimensions`; `languages` are those that have a token of their own."""

    def __init__(self, dimensions: int, languages: Sequence[str] = ()) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.languages = (UNKNOWN, *(code for code in languages if code != UNKNOWN))
        self._numbers = {code: number for number, code in enumerate(self.languages)}
        self.adaptor = nn.Sequential(
            nn.LayerNorm(dimensions), nn.Linear(dimensions, BOTTLENECK), nn.GELU(), _zero_linear(BOTTLENECK, dimensions)
        )
        self.actor = nn.Sequential(nn.Linear(len(RATINGS) + 1, ACTOR_WIDTH), nn.Tanh(), nn.Linear(ACTOR_WIDTH, 1))
        self.language_tokens = nn.Embedding(len(self.languages), dimensions)
        nn.init.normal_(self.language_tokens.weight, std=dimensions**-0.5)
        self.sides = nn.Parameter(torch.zeros(2, dimensions))
        self.fuser = nn.TransformerEncoderLayer(
            dimensions,
            max(1, dimensions // HEAD_WIDTH) if dimensions % HEAD_WIDTH == 0 else 1,
            dim_feedforward=2 * dimensions,
            dropout=0.0,
            batch_first=True,
            norm_first=True,
        )
        self.trust = _zero_linear(dimensions, 1)
        self.output = _zero_linear(dimensions, dimensions)

    def language_numbers(self, languages: Sequence[str]) -> Tensor:
        """The number of each language's token, (B,); 0 for languages that training has not seen."""
        return torch.tensor([self._numbers.get(code, 0) for code in languages], device=self.device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.sides.device

    def shift(self, view: View) -> Tensor:
        """What the adaptor adds to each bin, (B, S, d)."""
        shift: Tensor = self.adaptor(view.bins)
        return shift

    def embed(self, view: View) -> Tensor:
        """Unit vectors of a view after the adaptor, (B, d)."""
        return functional.normalize(view.vectors + self.shift(view).mean(dim=-2), dim=-1)

    def preferences(self, ratings: Tensor, similarities: Tensor) -> Tensor:
        """The actor's logits of K translations, (B, K).

        `ratings` (B, K, 3) are the critic's, from 0 to 1; without a critic they are 0. `similarities` (B, K) are the
        cosines of the query and each translation after the adaptor.
        """
        logits: Tensor = self.actor(torch.cat([ratings, similarities[..., None]], dim=-1))
        return logits.squeeze(-1)

    def fuse(self, own: View, english: View, languages: Tensor) -> Fused:
        """Queries with one translation each; `languages` (B,) are from `language_numbers`."""
        tokens = torch.cat(
            [self.language_tokens(languages)[:, None], own.bins + self.sides[0], english.bins + self.sides[1]], dim=1
        )
        both = self.fuser(tokens)[:, 0]
        trust = torch.sigmoid(self.trust(both))
        residual = self.output(both)
        own_vectors, english_vectors = self.embed(own), self.embed(english)
        mean = (1 - trust) * own_vectors + trust * english_vectors
        return Fused(functional.normalize(mean + residual, dim=-1), own_vectors, english_vectors, residual)

    @torch.no_grad()
    def choose_and_fuse(self, own: View, candidates: View, language: str) -> tuple[Vectors, int]:
        """One query, a view of one row, fused with the candidate that the actor prefers, and that one's number.

        The vector has shape (dimensions,). The critic's ratings are 0: at the time of a question there are none.
        """
        similarities = self.embed(candidates) @ self.embed(own)[0]
        logits = self.preferences(torch.zeros(1, len(similarities), len(RATINGS)), similarities[None])
        chosen = int(logits.argmax())
        english = View(candidates.vectors[chosen : chosen + 1], candidates.bins[chosen : chosen + 1])
        vector: Vectors = self.fuse(own, english, self.language_numbers([language])).vectors[0].numpy()
        return vector, chosen

    def save(self, folder: Path) -> None:
        """Write LIRA_FILE into a model folder."""
        about = {"dimensions": str(self.dimensions), "languages": json.dumps(self.languages)}
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, folder / LIRA_FILE, about)


def load_lira(folder: Path) -> LiraNetwork | None:
    """The network of a model folder; None if it has none. Raises IsthmusError for a damaged file."""
    file = folder / LIRA_FILE
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as stored:
            about = stored.metadata()
            network = LiraNetwork(int(about["dimensions"]), json.loads(about["languages"]))
            network.load_state_dict({name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise IsthmusError(
            f"{file} holds no LiRA network ({type(error).__name__}); make the folder anew by isthmus align."
        ) from error
    return network.eval()


def _zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer that gives zero until it is trained."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
