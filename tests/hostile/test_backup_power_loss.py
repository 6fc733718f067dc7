"""A power cut at any moment of a backup or of its restoring: each is there whole, or not there."""

import random
import sys

import pytest

from rag.documents.library import Library
from rag.settings import load_settings
from tests.hostile.disk import Disk, can_record, record
from tests.rag.documents.numbered import HashEncoder, numbered_text
from ui.state.backup import restore

CUTS = 100
DOCUMENTS = 20
PROGRAM = """
import os
import sys
from pathlib import Path
from rag.settings import load_settings
from ui.state.backup import back_up, restore

library, folder = Path(sys.argv[1]), Path(sys.argv[2])
for name in ("first", "second"):
    back_up(load_settings(library=library), folder / "backup.tar")  # the second takes the place of the first
    os.write(1, name.encode())
restore(folder / "backup.tar", load_settings(library=folder / "restored"))
os.write(1, b"restored")
"""


@pytest.mark.slow
def test_a_backup_and_a_restored_library_are_whole_or_not_there(settings, tmp_path):
    if not can_record():
        pytest.skip("this machine has no strace, or does not let a test use it")
    with Library(settings, HashEncoder()) as library:
        library.add_texts([(f"{number}.txt", numbered_text(number)) for number in range(DOCUMENTS)])
    disk_folder = tmp_path / "root" / "disk"
    disk_folder.mkdir(parents=True)
    command = [sys.executable, "-c", PROGRAM, str(settings.library), str(disk_folder)]
    calls = list(record(command, tmp_path / "root", tmp_path / "strace"))
    whole = contents(disk_folder)
    assert whole["restored"]

    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown by pytest if the test fails
    rng = random.Random(seed)
    cuts = {*rng.sample(range(len(calls)), min(CUTS, len(calls))), len(calls) - 1}
    disk = Disk(disk_folder)
    said = b""
    whole_backups: set[bytes] = set()
    seen = set()
    for place, call in enumerate(calls):
        disk.replay(call)
        if call.name == "write" and call.paths[0] == str(tmp_path / "root" / "said"):
            said += call.data
        if place in cuts:
            left = tmp_path / str(place)
            disk.folder.write(left, rng)
            found = contents(left)
            if found["backup"] is None:
                assert b"first" not in said
            elif found["backup"] not in whole_backups:
                assert restore(left / "backup.tar", load_settings(library=left / "again")) == DOCUMENTS
                whole_backups.add(found["backup"])
            assert found["restored"] == whole["restored"] or (not found["restored"] and b"restored" not in said)
            seen.add((found["backup"] is None, not found["restored"]))
    assert seen == {(True, True), (False, True), (False, False)}


def contents(folder):
    """The bytes of the backup, None if there is none, and those of the restored files by path."""
    backup = folder / "backup.tar"
    files = [path for path in (folder / "restored").rglob("*") if path.is_file()]
    return {
        "backup": backup.read_bytes() if backup.exists() else None,
        "restored": {path.relative_to(folder): path.read_bytes() for path in files},
    }
