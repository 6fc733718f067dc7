"""sentence-transformers on torch: any model, any device."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from retriever.errors import IsthmusError
from retriever.models.backends.protocol import Encoded, Role
from retriever.models.backends.tokens import content_tokens, missing_token_vectors, with_content
from retriever.models.normalization import normalize
from retriever.models.processor import has_quick_bf16
from retriever.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor, nn

Precision = Literal["float32", "bfloat16"]
PROMPT_NAMES: dict[Role, tuple[str, ...]] = {
    "query": ("query", "Retrieval-query"),
    "document": ("document", "passage", "corpus", "Retrieval-document"),
}
"""The names under which models keep the prompt of a role; the first that is there counts."""


class TorchBackend:
    """A Backend that runs the sentence-transformers model itself. Raises IsthmusError if it cannot be loaded."""

    def __init__(self, model: str, device: str | None = None, precision: Precision = "float32") -> None:
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

        self.model = load_model(model, device, precision)
        self.precision = precision
        self.device = str(self.model.device)
        self.dimensions = int(self.model.get_embedding_dimension() or 0)
        kinds = {type(module) for module in self.model.modules()}
        self.has_tokens = kinds >= {Transformer, Pooling}
        self.prompts = _role_prompts(self.model.prompts)

    def encode(self, texts: Sequence[str], role: Role, prompt: str) -> Vectors:
        """See Backend."""
        vectors = encode_function(self.model, role)(
            with_content(texts, prompt), prompt=prompt, batch_size=32, convert_to_numpy=True, show_progress_bar=False
        )
        return normalize(np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dimensions))

    def encode_tokens(self, texts: Sequence[str], role: Role, prompt: str) -> list[Encoded]:
        """See Backend."""
        if not self.has_tokens:
            raise missing_token_vectors()
        return encode_tokens(self.model, texts, role, prompt)


def encode_tokens(model: "SentenceTransformer", texts: Sequence[str], role: Role, prompt: str) -> list[Encoded]:
    """Vectors of texts and of their content tokens."""
    import torch

    prompt_tokens = prompt_length(model.tokenizer, prompt)
    special_ids = control_ids(model.tokenizer)
    encoded = []
    outputs = encode_function(model, role)(
        with_content(texts, prompt), prompt=prompt, batch_size=32, output_value=None, show_progress_bar=False
    )
    for output in outputs:
        mask = output["attention_mask"].bool()
        special = torch.isin(output["input_ids"][mask], torch.tensor(special_ids, device=mask.device)).tolist()
        with torch.inference_mode():
            rows = map_tokens(model, role, output["token_embeddings"][mask]).float().cpu().numpy()
        vector = output["sentence_embedding"].float().cpu().numpy()
        encoded.append(Encoded(normalize(vector), normalize(content_tokens(rows, special, prompt_tokens))))
    return encoded


def encode_function(model: "SentenceTransformer", role: Role) -> Callable[..., Any]:
    """The model's method for a role; a model with an aligned query side has different weights for the two."""
    return model.encode_query if role == "query" else model.encode_document


def map_tokens(model: "SentenceTransformer", role: Role, tokens: "Tensor") -> "Tensor":
    """Token vectors, (…, width), in the space of the text's vector: what follows the pooling is applied to each.

    Normalize is left out, since only directions count.
    """
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling

    modules = list(_modules(model, role))
    pooled = max((n for n, module in enumerate(modules) if isinstance(module, Pooling)), default=len(modules))
    features: dict[str, Any] = {"sentence_embedding": tokens}
    for module in modules[pooled + 1 :]:
        if not isinstance(module, Normalize):
            features = module(features)
    mapped: Tensor = features["sentence_embedding"]
    return mapped


def _modules(model: "SentenceTransformer", role: Role) -> "Iterator[nn.Module]":
    """The modules that a text of this role goes through, in their order."""
    from sentence_transformers.sentence_transformer.modules import Router

    for module in model:
        if isinstance(module, Router):
            route = role if role in module.sub_modules else str(module.default_route)
            yield from cast("Iterable[nn.Module]", module.sub_modules[route])
        else:
            yield module


def prompt_length(tokenizer: Any, prompt: str) -> int:
    """Number of tokens that a prompt adds before a text."""
    return len(tokenizer(prompt.rstrip(), add_special_tokens=False)["input_ids"])


def control_ids(tokenizer: Any) -> list[int]:
    """The ids of tokens that stand for no text, such as those of start and end; an unknown word is text."""
    return [number for number in tokenizer.all_special_ids if number != tokenizer.unk_token_id]


def _role_prompts(named: Mapping[str, str | None]) -> dict[str, str]:
    """The prompt of each role, of those that a model names."""
    prompts = {role: next(filter(None, map(named.get, names)), "") for role, names in PROMPT_NAMES.items()}
    return {role: prompt for role, prompt in prompts.items() if prompt}


def quick_precision(device: str | None = None) -> Precision:
    """bfloat16 where the device computes faster in it, else float32."""
    return "bfloat16" if has_bf16(device) else "float32"


def has_bf16(device: str | None = None) -> bool:
    """Whether bf16 arithmetic is worth it: on a GPU that has it, or a processor with AVX-512 BF16 or AMX."""
    import torch

    if device != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return has_quick_bf16()


def load_model(model: str, device: str | None = None, precision: Precision = "float32") -> "SentenceTransformer":
    """The sentence-transformers model of a folder or hub id. Raises IsthmusError if it cannot be loaded."""
    import torch
    from sentence_transformers import SentenceTransformer

    dtype = getattr(torch, precision)
    try:
        loaded = SentenceTransformer(model, device=device, trust_remote_code=False, model_kwargs={"dtype": dtype})
    except (OSError, ValueError, ImportError) as error:
        raise IsthmusError(_load_complaint(model, error)) from error
    for parameter in loaded.parameters():  # of the modules after the network; its buffers keep their precision
        parameter.data = parameter.data.to(dtype)
    return loaded


def _load_complaint(model: str, error: Exception) -> str:
    if "trust_remote_code" in str(error):
        return f"The encoder {model!r} runs code of its own, which Isthmus does not allow; name another encoder."
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return (
        f"The encoder {model!r} could not be loaded ({reason}). Name a sentence-transformers folder, a hub id this "
        'machine can reach, or "aligned" for the packaged one.'
    )
