import os
import subprocess
import sys
from pathlib import Path

import pytest

from retriever.errors import LibraryBusyError
from retriever.store.lock import acquire, read_holder


def test_a_second_holder_is_told_of_the_first(tmp_path):
    lock = acquire(tmp_path, "the first")
    with pytest.raises(LibraryBusyError, match=rf"in use by the first \(process {os.getpid()}\)"):
        acquire(tmp_path, "the second")
    assert read_holder(tmp_path) == {"what": "the first", "pid": str(os.getpid())}
    lock.release()


def test_a_released_lock_is_free_and_names_no_holder(tmp_path):
    acquire(tmp_path, "the first").release()
    assert read_holder(tmp_path) == {}
    lock = acquire(tmp_path, "the second")
    assert read_holder(tmp_path)["what"] == "the second"
    lock.release()


def test_a_folder_that_was_never_locked_has_no_holder(tmp_path):
    assert read_holder(tmp_path) == {}


@pytest.mark.parametrize("content", [None, "", "{"])
def test_a_holder_that_cannot_be_read_is_another_process(tmp_path, content):
    lock = acquire(tmp_path, "the first")
    note = tmp_path / "holder.json"
    if content is None:
        note.unlink()
    else:
        note.write_text(content)
    assert read_holder(tmp_path) == {"what": "another process", "pid": "?"}
    with pytest.raises(LibraryBusyError, match=r"in use by another process \(process \?\)"):
        acquire(tmp_path, "the second")
    lock.release()


def test_a_lock_ends_with_its_process(tmp_path):
    code = (
        "import sys; from pathlib import Path; from retriever.store.lock import acquire; "
        "lock = acquire(Path(sys.argv[1]), 'a worker'); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as worker:
        try:
            assert worker.stdout.readline().strip() == b"locked"
            with pytest.raises(LibraryBusyError, match=rf"in use by a worker \(process {worker.pid}\)"):
                acquire(tmp_path, "the second")
        finally:
            worker.kill()
    acquire(tmp_path, "the second").release()
