"""What a disk holds after a power cut: the changes that a program makes in a folder, recorded by strace and replayed.

The disk is as strict as POSIX lets it be. A file has its content of the last fsync and, of what was written since, any
sectors. A folder has its names of the last fsync of the folder and, of what was made, renamed or deleted in it since,
the first few changes.
"""

import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SECTOR = 512
"""Bytes that are on a disk whole or not at all."""
CALLS = (
    "openat", "read", "write", "writev", "pwrite64", "lseek", "ftruncate", "fsync", "fdatasync",
    "?rename", "?renameat", "renameat2", "?unlink", "unlinkat", "?rmdir", "?mkdir", "mkdirat",
)  # fmt: skip
"""What SQLite, Chroma and Python change files with; "?" where a processor may have no call of that name."""
UNFINISHED = " <unfinished ...>"
_CALL = re.compile(r"(\w+)\((.*)\) += (\d+).*")
_HEX = r"((?:\\x[0-9a-f]{2})*)"
_ARGUMENT = re.compile(rf'<{_HEX}>(?!\(deleted\))|"{_HEX}"')


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that did what it should: the paths that it names or has open, its data, its other arguments."""

    name: str
    paths: tuple[str, ...]
    data: bytes
    arguments: str
    result: int


def can_record() -> bool:
    """Whether strace is here and may be used."""
    return bool(shutil.which("strace")) and not subprocess.run(["strace", "-f", "-o", os.devnull, "true"]).returncode


def record(command: Sequence[str], root: Path, log: Path) -> Iterator[Call]:
    """Run a command, its output in the file `root`/said; its calls on what is in `root`, in the order they ended in."""
    strace = ["strace", "-f", "-y", "-xx", "-s", str(2**28), "--seccomp-bpf", "-e", f"trace={','.join(CALLS)}"]
    with (root / "said").open("wb") as output:
        subprocess.run([*strace, "-o", str(log), *command], check=True, stdout=output, cwd=REPOSITORY)
    written_root = "".join(f"\\x{byte:02x}" for byte in bytes(root))
    begun: dict[str, str] = {}
    with log.open(encoding="ascii") as lines:
        for line in lines:
            thread, _, text = line.rstrip("\n").partition(" ")
            text = text.lstrip()
            if text.endswith(UNFINISHED):
                begun[thread] = text.removesuffix(UNFINISHED)
                continue
            if text.startswith("<... "):
                text = begun.pop(thread) + text.partition(" resumed>")[2]
            if written_root in text and (match := _CALL.fullmatch(text)):
                yield _call(*match.groups())
    log.unlink()  # it has all that the program has read


def _call(name: str, arguments: str, result: str) -> Call:
    files: list[str] = []
    names: list[str] = []
    data = b""
    for path, text in _ARGUMENT.findall(arguments):
        if path:  # of an open file, or of the folder that a name is relative to
            files.append(_bytes(path).decode())
        elif name == "read" or "write" in name:
            data += _bytes(text)
        else:
            names.append(os.path.join(*files[-1:], _bytes(text).decode()))
    return Call(name, tuple(names or files), data, _ARGUMENT.sub("", arguments), int(result))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@dataclass(slots=True, eq=False)
class File:
    """Its content of the last fsync, and what was written since: (offset, data), or (size, None) where it was cut."""

    synced: bytearray = field(default_factory=bytearray)
    changes: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        _change(self.synced, self.changes)
        self.changes.clear()

    def content(self, random: random.Random | None) -> bytes:
        """After a power cut; without it, where nothing random is given."""
        share = random.choice((0.0, 0.5, 1.0)) if random else 1.0
        pieces = [piece for change in self.changes for piece in _sectors(*change)]
        content = self.synced.copy()
        _change(content, [piece for piece in pieces if not random or random.random() < share])
        return bytes(content)


@dataclass(slots=True, eq=False)
class Folder:
    """Its names of the last fsync, the changes since then, each of which is made whole, and its names as they are."""

    synced: dict[str, "File | Folder"] = field(default_factory=dict)
    changes: list[dict[str, "File | Folder | None"]] = field(default_factory=list)
    names: dict[str, "File | Folder"] = field(default_factory=dict)

    def sync(self) -> None:
        self.synced = dict(self.names)
        self.changes.clear()

    def change(self, names: "dict[str, File | Folder | None]") -> None:
        self.changes.append(names)
        self.names = _named(self.names, [names])

    def write(self, path: Path, random: random.Random | None) -> None:
        """Make the folder as it is after a power cut; as it is without, where nothing random is given."""
        count = len(self.changes)
        kept = random.choice((0, random.randint(0, count), count)) if random else count
        path.mkdir()
        for name, node in _named(self.synced, self.changes[:kept]).items():
            if isinstance(node, Folder):
                node.write(path / name, random)
            else:
                (path / name).write_bytes(node.content(random))


class Disk:
    """The files in the folder `root`, which is empty at first, while calls are replayed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = Folder()
        self._offsets: dict[tuple[str, int], int] = {}

    def replay(self, call: Call) -> None:
        """Make the changes of a call."""
        paths = [path for path in call.paths if Path(path).is_relative_to(self.root)]
        if not paths:
            return
        path, node = paths[-1], self._node(paths[-1])
        if call.name == "openat":
            self._open(path, call)
        elif call.name.startswith("rename"):
            source, target = map(Path, paths[-2:])
            assert source.parent == target.parent, "a move to another folder is not simulated"
            self._parent(target).change({source.name: None, target.name: self._node(source)})
        elif call.name.startswith("mkdir"):
            self._parent(path).change({Path(path).name: Folder()})
        elif call.name.startswith(("unlink", "rmdir")):
            self._parent(path).change({Path(path).name: None})
        elif node is not None:  # else a file that has been deleted
            self._write(node, call)

    def _open(self, path: str, call: Call) -> None:
        self._offsets[path, call.result] = 0
        node = self._node(path)
        if node is None:
            node = File()
            self._parent(path).change({Path(path).name: node})
        if "O_TRUNC" in call.arguments:
            assert isinstance(node, File)
            node.changes.append((0, None))
        assert "O_APPEND" not in call.arguments

    def _write(self, node: File | Folder, call: Call) -> None:
        numbers = [int(number) for number in re.findall(r"\b\d+\b", call.arguments)]
        place = call.paths[0], numbers[0]
        if call.name in ("fsync", "fdatasync"):
            node.sync()
            return
        if call.name == "lseek":
            self._offsets[place] = call.result
            return
        assert isinstance(node, File)
        if call.name == "ftruncate":
            node.changes.append((numbers[1], None))
        elif call.name == "pwrite64":
            node.changes.append((numbers[-1], call.data[: call.result]))
        else:
            if "write" in call.name:
                node.changes.append((self._offsets[place], call.data[: call.result]))
            self._offsets[place] += call.result

    def _parent(self, path: str | Path) -> Folder:
        parent = self._node(Path(path).parent)
        assert isinstance(parent, Folder)
        return parent

    def _node(self, path: str | Path) -> "File | Folder | None":
        node: File | Folder | None = self.folder
        for name in Path(path).relative_to(self.root).parts:
            assert isinstance(node, Folder)
            node = node.names.get(name)
        return node


def _change(content: bytearray, changes: Sequence[tuple[int, bytes | None]]) -> None:
    for offset, data in changes:
        content.extend(bytes(max(0, offset - len(content))))
        if data is None:
            del content[offset:]
        else:
            content[offset : offset + len(data)] = data


def _sectors(offset: int, data: bytes | None) -> Iterator[tuple[int, bytes | None]]:
    """The parts of a write that are each made whole."""
    if data is None:
        yield offset, None
        return
    start = 0
    while start < len(data):
        end = start + SECTOR - (offset + start) % SECTOR
        yield offset + start, data[start:end]
        start = end


def _named(
    names: "dict[str, File | Folder]", changes: "Sequence[dict[str, File | Folder | None]]"
) -> "dict[str, File | Folder]":
    """Names after changes."""
    changed: dict[str, File | Folder | None] = dict(names)
    for change in changes:
        changed |= change
    return {name: node for name, node in changed.items() if node is not None}
