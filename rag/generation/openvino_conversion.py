"""A GGUF file as an OpenVINO model: `python -m rag.generation.openvino_conversion FILE FOLDER`.

It runs in a process of its own: reading a GGUF file takes more than twice the memory that the model needs later.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from rag.errors import GeneratorError
from retriever.models.backends.silent_openvino import load_openvino
from retriever.models.fetching import create_once

SECONDS = 600
"""Longest time for a conversion; the packaged 1.5B takes 13 s."""


def converted_folder(gguf: Path, cache: Path) -> Path:
    """The folder of the model that OpenVINO makes of a GGUF file; it exists once the file was converted.

    A file that is changed or replaced has another folder.
    """
    state = gguf.stat()
    identity = f"{gguf.resolve()} {state.st_size} {state.st_mtime_ns}"
    return cache / "openvino" / f"{gguf.parent.name}-{gguf.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def convert_once(gguf: Path, cache: Path) -> Path:
    """The folder of the OpenVINO model of a GGUF file, made at the first call.

    Raises GeneratorError if OpenVINO cannot read the file: it knows fewer architectures than llama.cpp.
    """
    folder = converted_folder(gguf, cache)
    with create_once(folder) as draft:
        if draft is not None:
            command = [sys.executable, "-P", "-m", "rag.generation.openvino_conversion", str(gguf), str(draft)]
            try:
                result = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
            except subprocess.TimeoutExpired as error:
                raise GeneratorError(f"Converting {gguf} took longer than {SECONDS} seconds.") from error
            if result.returncode:
                reason = (result.stderr.strip() or f"it ended with {result.returncode}").splitlines()[-1]
                raise GeneratorError(f"OpenVINO cannot read {gguf}: {reason}")
    return folder


def convert(gguf: Path, folder: Path) -> None:
    """Write the network and the tokenizer. Raises what OpenVINO raises."""
    load_openvino()
    import openvino_genai

    link = folder / gguf.name  # OpenVINO saves what it makes beside the file
    link.symlink_to(gguf.resolve())
    openvino_genai.LLMPipeline(str(link), "CPU", enable_save_ov_model=True)
    link.unlink()
    if not (folder / "openvino_model.xml").is_file():
        raise OSError("OpenVINO wrote no model")


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
