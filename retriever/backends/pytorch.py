"""sentence-transformers on torch: any model, any device."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from retriever.backends.protocol import Role
from retriever.errors import IsthmusError
from retriever.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class TorchBackend:
    """A Backend that is the model itself. Raises IsthmusError if it cannot be loaded."""

    def __init__(self, model: str, device: str | None = None) -> None:
        self.model = load_model(model, device)
        self.device = str(self.model.device)
        self.dimensions = int(self.model.get_embedding_dimension() or 0)
        self.prompts = {name: prompt for name, prompt in self.model.prompts.items() if prompt}

    def encode(self, texts: Sequence[str], role: Role, prompt: str) -> Vectors:
        """See Backend."""
        # A model whose query side alone was aligned routes the two roles to different weights.
        encode = self.model.encode_query if role == "query" else self.model.encode_document
        vectors = encode(
            list(texts),
            prompt=prompt,
            batch_size=32,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)


def load_model(model: str, device: str | None = None) -> "SentenceTransformer":
    """The sentence-transformers model of a folder or hub id. Raises IsthmusError if it cannot be loaded."""
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(model, device=device, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise IsthmusError(
            f"The encoder {model!r} could not be loaded ({error}). Name a sentence-transformers folder, a hub id this "
            'machine can reach, or "aligned" for the packaged one.'
        ) from error
