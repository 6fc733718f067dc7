"""Ray, on this machine or on a cluster, and how its processors are shared out."""

import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retriever.errors import IsthmusError

LOCAL = "local"
"""The address that stands for a Ray of this machine's own."""
PATIENCE = {"health_check_timeout_ms": 120_000}
"""Of Ray's processes with each other: on a busy machine they would take one another for dead after ten seconds."""
_TEMPORARY = "/tmp" if os.name == "posix" else None  # noqa: S108


@dataclass(frozen=True, slots=True)
class Workers:
    """How many encoders there are, and the processors and GPUs that Ray counts for one, and for a task of other work.

    Encoders keep theirs until the end. They leave some for what reads files, which would wait for ever, and so many
    that those of a machine that dies find room on others.
    """

    encoders: int
    encoder_processors: float
    encoder_gpus: float
    task_processors: float

    @classmethod
    def of(cls, processors: float, gpus: float) -> "Workers":
        """One encoder to a GPU, or to a processor if there is no GPU.

        >>> Workers.of(2, 0)
        Workers(encoders=2, encoder_processors=0.25, encoder_gpus=0, task_processors=0.25)
        """
        if gpus >= 1:
            return cls(int(gpus), 0.25, 1, 0.5)
        return cls(max(1, int(processors)), 0.25, 0, 0.25)


def load_ray(address: str) -> None:
    """Import Ray, for use at an address or LOCAL; to be called before `ray_cluster`.

    Raises IsthmusError if it is not installed, or the address is a file's name.
    """
    if address != LOCAL and Path(address).exists():
        raise IsthmusError(f"--ray takes {LOCAL!r} or the address of a Ray cluster, and {address} is a file.")
    # Ray reads these when it is imported. Nothing is sent to its makers, and its processes, which write to standard
    # error, say only what ends them.
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    if address == LOCAL:
        # It listens on the loopback address alone, as it does by itself on a Mac, and only to who knows the token. That
        # it reads once in a process.
        os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray.data  # noqa: F401
    except ModuleNotFoundError as error:
        raise IsthmusError("Bulk indexing needs Ray; run `pip install 'isthmus[cluster]'`.") from error


@contextmanager
def ray_cluster(address: str) -> Iterator[Workers]:
    """Join the Ray cluster at an address, or run Ray on this machine meanwhile, for LOCAL.

    Raises IsthmusError if Ray does not start, or no cluster answers.
    """
    import ray

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if address == LOCAL:
            # The name is short, as sockets need. Ray opens its folder to everybody, but not the one around it.
            folder = tempfile.TemporaryDirectory(prefix="ray-", dir=_TEMPORARY, ignore_cleanup_errors=True)
            options |= {"include_dashboard": False, "_system_config": PATIENCE}
            options["_temp_dir"] = os.path.join(stack.enter_context(folder), "ray")
        try:
            if address != LOCAL:
                _check_listening(address)
            with _no_first_line():
                ray.init(address, **options)
            stack.callback(ray.shutdown)
            resources = ray.cluster_resources()
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            place = "on this machine" if address == LOCAL else f"at {address}, which --ray names"
            raise IsthmusError(f"Ray cannot be used {place} ({reason}).") from error
        yield Workers.of(resources.get("CPU", 0), resources.get("GPU", 0))


@contextmanager
def _no_first_line() -> Iterator[None]:
    """Keep a line of Ray's off standard error: it says there that it was told to say nothing."""
    saved, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nothing)


def _check_listening(address: str) -> None:
    """Raise OSError if nothing listens at an address with a port: Ray itself would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=5).close()
