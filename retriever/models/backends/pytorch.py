"""sentence-transformers on torch: any model, any device."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from retriever.errors import IsthmusError
from retriever.models.backends.protocol import Encoded, Role
from retriever.models.backends.tokens import content_tokens, missing_token_vectors
from retriever.models.normalization import normalize
from retriever.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class TorchBackend:
    """A Backend that runs the sentence-transformers model itself. Raises IsthmusError if it cannot be loaded."""

    def __init__(self, model: str, device: str | None = None) -> None:
        from sentence_transformers.sentence_transformer.modules import Transformer

        self.model = load_model(model, device)
        self.device = str(self.model.device)
        self.dimensions = int(self.model.get_embedding_dimension() or 0)
        self.has_tokens = any(isinstance(module, Transformer) for module in self.model.modules())
        self.prompts = {name: prompt for name, prompt in self.model.prompts.items() if prompt}

    def encode(self, texts: Sequence[str], role: Role, prompt: str) -> Vectors:
        """See Backend."""
        vectors = self._encode_function(role)(
            list(texts),
            prompt=prompt,
            batch_size=32,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    def encode_tokens(self, texts: Sequence[str], role: Role, prompt: str) -> list[Encoded]:
        """See Backend."""
        if not self.has_tokens:
            raise missing_token_vectors()
        return encode_tokens(self._encode_function(role), self.model.tokenizer, texts, prompt)

    def _encode_function(self, role: Role) -> Callable[..., Any]:
        """The model's method for a role; a model with an aligned query side has different weights for the two."""
        return self.model.encode_query if role == "query" else self.model.encode_document


def encode_tokens(encode: Callable[..., Any], tokenizer: Any, texts: Sequence[str], prompt: str) -> list[Encoded]:
    """Vectors of texts and of their content tokens; `encode` is that method of a sentence-transformers model."""
    prompt_tokens = prompt_length(tokenizer, prompt)
    encoded = []
    for output in encode(list(texts), prompt=prompt, batch_size=32, output_value=None, show_progress_bar=False):
        mask = output["attention_mask"].bool()
        ids = output["input_ids"][mask].tolist()
        special = tokenizer.get_special_tokens_mask(ids, already_has_special_tokens=True)
        rows = output["token_embeddings"][mask].float().cpu().numpy()
        vector = output["sentence_embedding"].float().cpu().numpy()
        encoded.append(Encoded(normalize(vector), normalize(content_tokens(rows, special, prompt_tokens))))
    return encoded


def prompt_length(tokenizer: Any, prompt: str) -> int:
    """Number of tokens that a prompt adds before a text."""
    return len(tokenizer(prompt.rstrip(), add_special_tokens=False)["input_ids"])


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
