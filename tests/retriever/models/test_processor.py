import os
import sys

import pytest

from retriever.models.processor import processor_count


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process from processors")
def test_processors_that_were_taken_away_do_not_count():
    given = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(given)})
        assert processor_count() == 1
    finally:
        os.sched_setaffinity(0, given)
    assert processor_count() == len(given)
