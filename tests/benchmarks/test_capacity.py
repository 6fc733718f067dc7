"""The calculation for a cluster: every formula by hand for round numbers, and a design's figures of November 2026."""

import pytest

from benchmarks import capacity
from benchmarks.capacity import Cluster, Library, Plan
from benchmarks.report import to_json

RATE, ENCODE_MS = 80.0, 5.0


def plan(passages: int, kept: str = "4 bit", **cluster: float) -> Plan:
    """The packaged encoder's library on a cluster."""
    return Plan(Library(passages, kept=kept), Cluster(**cluster), RATE, ENCODE_MS)  # type: ignore[arg-type]


def test_bytes_of_a_passage():
    """75 pooled vectors of 384: 75 · 384 in 8 bits; 75 · (192 + 4) in 4, each with its scale; none computed anew.

    16 bits are 75 · 768 more.
    """
    tokens = {kept: Library(1, kept=kept).token_bytes for kept in ("16 and 4 bit", "8 bit", "4 bit", "anew")}
    assert tokens == {"16 and 4 bit": 72_300, "8 bit": 28_800, "4 bit": 14_700, "anew": 0}
    library = Library(1, kept="anew")
    assert library.memory_bytes == 384 + 141
    assert library.word_bytes == pytest.approx(580)
    assert library.disk_bytes == pytest.approx(384 + 141 + 1536 + 580)
    assert Library(1, tokens=151, kept="8 bit").token_bytes == 76 * 384


@pytest.mark.parametrize(
    ("passages", "kept", "memory_gb", "disk_tb", "hours", "p95"),
    [
        (100_000_000, "4 bit", 105, 3.5, 5.4, 40),
        (100_000_000, "anew", 105, 0.5, 5.4, 40),
        (1_000_000_000, "4 bit", 1050, 35, 54, 70),
        (1_000_000_000, "anew", 1050, 5.3, 54, 70),
    ],
)
def test_the_design_of_november_within_rounding(passages, kept, memory_gb, disk_tb, hours, p95):
    """Its workers embed 80 passages a second."""
    calculated = plan(passages, kept)
    assert calculated.memory_gb == pytest.approx(memory_gb)
    assert calculated.disk_tb == pytest.approx(disk_tb, rel=0.06)
    assert calculated.embedding_hours == pytest.approx(hours, rel=0.01)
    assert calculated.p95_ms == pytest.approx(p95)


def test_nodes_are_enough_for_memory_disk_and_a_majority():
    """1 G passages: 1050 / (.7 · 128) = 11.7 by memory, 34.7 / (.75 · 2) = 23.1 by disk. Few: three."""
    assert plan(1_000_000_000).nodes == 24
    assert plan(1_000_000_000, "anew").nodes == 12
    assert plan(1_000_000_000, "anew", replicas=1).nodes == 6
    assert plan(1_000_000).nodes == 3


def test_longer_passages_take_longer_to_embed():
    longer = Plan(Library(1_000_000, tokens=300), Cluster(workers=1), RATE, ENCODE_MS)
    assert longer.embedding_hours == pytest.approx(1_000_000 / 40 / 3600)


def test_costs():
    """Three nodes for 730 hours; 64 workers of two cores are eight nodes of sixteen, here for 5.43 hours."""
    calculated = plan(100_000_000, price=0.5)
    assert calculated.month_cost == pytest.approx(3 * 730 * 0.5)
    assert calculated.embedding_cost == pytest.approx(8 * 100_000_000 / (64 * 80 * 3600) * 0.5)


def test_tokens_computed_anew_cost_a_question_operations():
    """Thirty passages of 150 tokens by 21 M parameters: 2 · 21e6 · 150 · 30 = .189 TFLOP."""
    assert plan(1000, "anew").question_tflop == pytest.approx(0.189)
    assert plan(1000, "8 bit").question_tflop == 0


def test_latency_grows_only_beyond_what_it_is_assumed_for():
    assert plan(10_000_000).p95_ms == plan(100_000_000).p95_ms == 40
    assert plan(10_000_000_000).p95_ms == pytest.approx(100)


def test_the_command_takes_own_numbers():
    arguments = capacity.parser().parse_args(["--passages", "1000,2000", "--price", "0.25", "--dimensions", "1024"])
    rows = [capacity.table_row(each) for each in capacity.plans(arguments.passages, arguments)]
    assert [row[:2] for row in rows[:5]] == [
        ["1,000", "16 and 4 bit"],
        ["1,000", "8 bit"],
        ["1,000", "4 bit"],
        ["1,000", "anew"],
        ["2,000", "16 and 4 bit"],
    ]
    assert all(len(row) == len(capacity.COLUMNS) for row in rows)
    assert to_json({"rows": rows})


@pytest.mark.parametrize("arguments", [["--passages", "0"], ["--price", "-1"], ["--price", "nan"], ["--tokens", "x"]])
def test_numbers_that_mean_nothing_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        capacity.parser().parse_args(arguments)
    assert "error: argument" in capsys.readouterr().err
