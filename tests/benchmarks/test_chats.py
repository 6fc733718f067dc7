import pytest

from benchmarks.chats import FAULTS, GRACE, TIMEOUT, Outcome, ask, chat_all, failing_server, station_text, table
from rag.generation.client import ChatClient


def test_a_row_counts_the_outcomes_of_a_fault():
    outcomes = [Outcome("none", "own answer", 1.0), Outcome("slow", "foreign", 2.0), Outcome("slow", "refused", 99.0)]
    rows = {row[0]: row[1:] for row in table(outcomes)}
    assert rows["none"] == [1, 1, 0, 0, 0, 0, 0, 1.0]
    assert rows["slow"] == [2, 0, 1, 0, 1, 0, 1, 99.0]
    assert rows["silent"] == [0] * 7 + [0.0]
    assert rows["all"] == [3, 1, 1, 0, 1, 0, 1, 99.0]
    assert table(outcomes, timeout=100)[-1][-2] == 0  # none is late


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_ends_in_an_answer_or_one_sentence(fault, make_rag, monkeypatch):
    """The faults are real, the answer is the chat's own, and what fails does so in time."""
    monkeypatch.setattr("benchmarks.chats.FAULTS", {fault: 100})
    monkeypatch.setattr("benchmarks.chats.TIMEOUT", 2.0)
    rag, _ = make_rag({f"{number}.txt": station_text(number) for number in range(5)}, grounding="off")
    with failing_server(1) as (url, faults):
        rag._engine = ChatClient(url, model=None, api_key="k", timeout=2.0)
        outcome = ask(rag, 3, faults)
    assert outcome.fault == fault
    assert outcome.kind in {"none": ("own answer",), "slow": ("own answer", "one sentence")}.get(
        fault, ("one sentence", "refused")
    )
    assert outcome.seconds < TIMEOUT + GRACE


@pytest.mark.slow
def test_chats_at_once_get_their_own_answers_and_memory_is_measured(make_rag, monkeypatch):
    monkeypatch.setattr("benchmarks.chats.FAULTS", {"none": 100})
    rag, _ = make_rag({f"{number}.txt": station_text(number) for number in range(5)}, grounding="off")
    with failing_server(1) as (url, faults):
        rag._engine = ChatClient(url, model=None, api_key="k", timeout=TIMEOUT)
        outcomes, (first, last) = chat_all(rag, 5, 0.02, faults)
    assert {outcome.kind for outcome in outcomes} == {"own answer"}
    assert 0.1 < first <= last
