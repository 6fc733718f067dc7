"""The Dockerfile's steps in a bare Debian root, for machines without Docker: needs root, debootstrap and some 8 GB."""

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockerfile_parse import DockerfileParser

SOURCE = Path(__file__).parents[1]
PACKAGES = "ca-certificates,python3,python3-pip"
"""What the base image has beside Debian; Python 3.11 is that of bookworm."""
BASE = "python:3.11-slim"
START_PERIOD = 120
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
"""How this machine reaches the package index."""


@contextmanager
def bare_root(root: Path) -> Iterator[None]:
    """Debian with Python in a folder, with the devices and processes of this machine while it is in use."""
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root], check=True)
    shutil.copy("/etc/resolv.conf", root / "etc")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs")
    (root / "usr/bin/python").symlink_to("python3")
    (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink()
    mounts = [("proc", ["-t", "proc", "proc"]), ("dev", ["--bind", "/dev"])]
    try:
        for name, what in mounts:
            subprocess.run(["mount", *what, root / name], check=True)
        yield
    finally:
        for name, _ in reversed(mounts):
            subprocess.run(["umount", "--lazy", root / name], check=False)


class Image:
    """A root in the state that the instructions so far have left; `do` carries out the next one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.user = "0"
        self.folder = "/"
        self.environment = {name: value for name in PASSED_ON if (value := os.environ.get(name))}
        self.environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.words: dict[str, list[str]] = {}

    def build(self) -> None:
        """Go through the Dockerfile. Raises an error at the first step that fails."""
        for step in DockerfileParser(str(SOURCE / "Dockerfile")).structure:
            print(f"{step['instruction']} {step['value']}", flush=True)
            self.do(step["instruction"], step["value"])

    def do(self, instruction: str, value: str) -> None:
        """Carry out one instruction. Raises CalledProcessError if its command fails, ValueError if it is not known."""
        match instruction:
            case "FROM":
                if value != BASE:
                    raise ValueError(f"The base image is {value}, and this script makes {BASE}; change one of them.")
            case "RUN":
                subprocess.run(self.command(["sh", "-c", value]), env=self.environment, check=True)
            case "COPY":
                self._copy(value)
            case "WORKDIR":
                self.folder = value
                (self.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                self.user = value
                users = (line.split(":") for line in (self.root / "etc/passwd").read_text().splitlines())
                self.environment["HOME"] = next(fields[5] for fields in users if value in (fields[0], fields[2]))
            case "ENV":
                self.environment |= dict(word.split("=", 1) for word in shlex.split(value))
            case "ENTRYPOINT" | "CMD":
                self.words[instruction] = json.loads(value)
            case "HEALTHCHECK":
                self.words[instruction] = json.loads(value.split("CMD", 1)[1])
            case "ARG" | "VOLUME" | "EXPOSE" | "COMMENT":
                pass
            case _:
                raise ValueError(f"This script does not know {instruction}; teach it.")

    def command(self, words: list[str]) -> list[str]:
        """The words of a command in the root, as the user and in the folder that were set."""
        inside = f"cd {shlex.quote(self.folder)} && exec {shlex.join(words)}"
        return ["chroot", f"--userspec={self.user}", str(self.root), "sh", "-c", inside]

    @contextmanager
    def running(self, **environment: str) -> Iterator[None]:
        """What the image starts, once it is healthy. Raises SystemExit if it does not become so."""
        words = [*self.words["ENTRYPOINT"], *self.words["CMD"]]
        environment = self.environment | {"ISTHMUS_HOST": "127.0.0.1"} | environment  # no network of its own here
        with subprocess.Popen(self.command(words), env=environment) as process:
            deadline = time.monotonic() + START_PERIOD
            check = self.command(self.words["HEALTHCHECK"])
            try:
                while subprocess.run(check, env=self.environment, stderr=subprocess.DEVNULL, check=False).returncode:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit("The container is not healthy; see its output above.")
                    time.sleep(2)
                yield
            finally:
                process.terminate()

    def _copy(self, value: str) -> None:
        options, *sources, target = shlex.split(value)
        folder = self.root / self.folder.lstrip("/") / target
        for source in sources:
            place = folder if (SOURCE / source).is_dir() else folder / source
            subprocess.run(["cp", "-r", SOURCE / source, place], check=True)
        owner = options.removeprefix("--chown=")
        subprocess.run(["chroot", self.root, "chown", "-R", owner, folder.relative_to(self.root)], check=True)
