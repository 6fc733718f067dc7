"""Bulk indexing on a real Ray: one of this machine's own, and a cluster that loses its encoders and a node."""

import functools
import ipaddress
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.bulk_indexing import running_cluster
from rag.documents.bulk_indexing import index_files
from rag.documents.library import Library
from rag.documents.ray_cluster import LOCAL
from rag.settings import Settings
from retriever.errors import IsthmusError
from tests.rag.documents.numbered import GatedEncoder, HashEncoder, numbered_text

DOCUMENTS, FIRST_HELD = 56, 40
"""How many there are, and the first whose encoder waits.

Encoders take 16 at a time, and Ray gives the first 16 once it has the next, so it has 32 without the one that waits.
"""


class BreakOffError(Exception):
    """What ends a run in the midst."""


def hash_encoder(settings: Settings) -> HashEncoder:
    return HashEncoder()


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of one node, of one processor."""
    with running_cluster(1) as nodes:
        yield nodes


@pytest.fixture
def libraries(settings, tmp_path):
    """Two libraries: one for Ray, and one for `Library.add`."""
    other = settings.model_copy(update={"library": tmp_path / "other"})
    with Library(settings, HashEncoder()) as first, Library(other, HashEncoder()) as second:
        yield first, second


def write_numbered(folder: Path, count: int) -> Path:
    return write(folder, **{f"{number:03}": numbered_text(number) for number in range(count)})


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def contents(library: Library):
    """Documents without the time at which they were added, passages, vectors and token vectors."""
    documents = [(d.id, d.source, d.title, d.sha256, d.language, d.passages) for d in library.documents()]
    passages = library.collection.documents.all_passages()
    ids = [passage.id for passage in passages]
    vectors, tokens = library.collection.vectors.read(ids), library.collection.tokens.read(ids)
    return documents, passages, np.array([vectors[id_] for id_ in ids]), np.concatenate([tokens[id_] for id_ in ids])


def assert_same(library: Library, other: Library, tolerance: float):
    documents, passages, vectors, tokens = contents(library)
    others = contents(other)
    assert documents == others[0]
    assert passages == others[1]
    np.testing.assert_allclose(vectors, others[2], atol=tolerance)
    np.testing.assert_allclose(tokens, others[3], atol=tolerance)
    assert library.check() == []


@pytest.mark.slow
def test_a_worker_with_another_encoder_ends_it_with_a_sentence(cluster, fake_library, tmp_path):
    folder = write(tmp_path / "docs", a="The tower is 330 metres tall.")
    with pytest.raises(IsthmusError, match=r"^Ray broke off \(IsthmusError: the encoder 'aligned' of a"):
        index_files(fake_library, [folder], ray=cluster.address, make_encoder=hash_encoder)
    assert fake_library.documents() == []


@pytest.mark.slow
def test_what_was_broken_off_goes_on(cluster, libraries, tmp_path):
    library, other = libraries
    folder = write_numbered(tmp_path / "docs", 3)
    library.add([folder])
    other.add([folder])
    write_numbered(folder, 12)
    write(folder, **{"000": numbered_text(99), "a copy of 000": numbered_text(0), "twice": numbered_text(9)})
    (folder / "bad.pdf").write_bytes(b"no PDF")

    def break_off(done, total, name):
        if done == 6:
            raise BreakOffError

    with pytest.raises(BreakOffError):
        index_files(library, [folder], ray=cluster.address, make_encoder=hash_encoder, progress=break_off)
    assert 3 < len(library.documents()) < 13

    results = index_files(library, [folder], ray=cluster.address, make_encoder=hash_encoder)
    expected = other.add([folder])
    assert_same(library, other, 1e-6)
    assert [(result.name, result.reason) for result in results] == [(e.name, e.reason) for e in expected]
    statuses = {Path(result.name).name: result.status for result in results}
    assert statuses["bad.pdf"] == "failed"
    assert statuses["000.txt"] == statuses["twice.txt"] == "unchanged"
    assert statuses["011.txt"] == "added"


@pytest.mark.slow
def test_encoders_and_a_node_die_and_all_is_there_once(cluster, libraries, tmp_path):
    library, other = libraries
    folder, gate = write_numbered(tmp_path / "docs", DOCUMENTS), tmp_path / "gate"
    node = cluster.add_node(num_cpus=1)
    killed: list[psutil.Process] = []

    def kill(done, total, name):
        if done == 1:  # no encoder has come further than FIRST_HELD
            raylets = {child.pid for child in psutil.Process().children()}
            for process in psutil.process_iter(["ppid", "cmdline"]):
                if process.info["ppid"] in raylets and "_Embedder" in str(process.info["cmdline"]):
                    process.kill()
                    killed.append(process)
            cluster.remove_node(node, allow_graceful=False)
            gate.touch()

    gated = functools.partial(GatedEncoder, first=FIRST_HELD, gate=gate)
    results = index_files(library, [folder], ray=cluster.address, make_encoder=gated, progress=kill)
    assert killed
    assert results == other.add([folder])
    assert [result.status for result in results] == ["added"] * DOCUMENTS
    assert_same(library, other, 1e-6)


@pytest.mark.slow
def test_the_command_runs_ray_on_this_machine_alone(command, settings, encoder, tmp_path):
    folder = write(tmp_path / "docs", a="The tower is 330 metres tall.", b="The river is long.")
    (folder / "bad.pdf").write_bytes(b"no PDF")
    arguments = command("index", str(folder), "-L", str(settings.library), "--json")
    addresses, names = set(), set()
    with subprocess.Popen(**arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            for child in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
                try:
                    names.add(child.name())
                    addresses |= {c.laddr.ip for c in child.net_connections("inet") if c.status == psutil.CONN_LISTEN}
                except psutil.Error:
                    continue
            time.sleep(0.5)  # Ray's workers give way to others
        printed, errors = process.communicate()
    assert process.returncode == 2, errors
    assert errors == ""
    assert [result["status"] for result in json.loads(printed)] == ["added", "added", "failed"]
    assert "raylet" in names
    assert addresses
    # Of IPv4 addresses as IPv6 ones Python knows only from 3.13 on that they are loopback ones.
    assert all(ipaddress.ip_address(a.removeprefix("::ffff:")).is_loopback for a in addresses), addresses
    with (
        Library(settings, encoder) as library,
        Library(settings.model_copy(update={"library": tmp_path / "other"}), encoder) as other,
    ):
        other.add([folder])
        assert_same(library, other, 0.02)  # one thread adds up in another order than several


def test_what_is_there_needs_no_ray(fake_library, tmp_path, monkeypatch):
    paths = [write(tmp_path / "docs", a="The tower is 330 metres tall.", b="The river is long."), tmp_path / "gone.txt"]
    monkeypatch.setattr("rag.documents.bulk_indexing.ray_cluster", None)
    added = fake_library.add(paths)
    steps = []
    results = index_files(fake_library, paths, progress=lambda *step: steps.append(step))
    assert [result.status for result in results] == ["unchanged", "unchanged", "failed"]
    assert results[2] == added[2]
    assert steps == [(1, 3, "a.txt"), (2, 3, "b.txt"), (3, 3, "gone.txt")]


@pytest.mark.parametrize("with_ray", [True, False])
def test_what_is_wrong_is_one_sentence(fake_library, tmp_path, monkeypatch, free_port, with_ray):
    folder = write(tmp_path / "docs", a="The tower is 330 metres tall.")
    with pytest.raises(
        IsthmusError, match=r"^--ray takes 'local' or the address of a Ray cluster, and .* is a file\.$"
    ):
        index_files(fake_library, [folder], ray=str(folder / "a.txt"))
    if with_ray:
        address = f"127.0.0.1:{free_port}"
        message = rf"^Ray cannot be used at {address}, which --ray names \(.*refused\)\.$"
    else:
        address, message = LOCAL, r"^Bulk indexing needs Ray; run `pip install 'isthmus\[cluster\]'`\.$"
        monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(IsthmusError, match=message):
        index_files(fake_library, [folder], ray=address)
    assert fake_library.documents() == []
