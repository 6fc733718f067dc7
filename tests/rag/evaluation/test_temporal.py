"""The batch evaluation: resumed without loss or repetition, failures recorded, its report, and with the real engine."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from dataclasses import replace

import pytest

from rag.errors import GeneratorError
from rag.evaluation.report import save_report, score_table
from rag.evaluation.temporal import ITEMS, TemporalPlan, evaluate_items, plan_items, read_items
from retriever.errors import DataError
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.demonstrations import TemporalSplit
from retriever.temporal.facts import fact_documents, fact_sentence, facts_from_questions
from retriever.temporal.questions import FactQuery, TemporalQuestion
from retriever.temporal.selectors import BM25Selector, RandomSelector
from retriever.types import Month

L1 = [TemporalQuestion(f"a{n}", MonthShift(Month(1900 + n, 5), 12 * n, after=True), ("x",)) for n in range(8)]
L2 = [
    TemporalQuestion(f"b{n}", FactQuery("played_for", f"Player {n % 4}", Month(1970 + n, 3)), (f"Club {n}",))
    for n in range(8)
]
SPLIT = TemporalSplit(L1[:5] + L2[:5], L1[5:] + L2[5:])
SELECTORS = [RandomSelector(), BM25Selector()]
PLAN = TemporalPlan(("l1", "l2"), ("ro", "hi"), ("random", "bm25"), 3, 5, generator="scripted")
ALL = 2 * 2 * 2 * 3


class Answering:
    """Says a club, or fails; counts who asked what."""

    label = "answering"

    def __init__(self, fails=()):
        self.fails = set(fails)
        self.asked = Counter()

    def stream(self, messages, *, max_tokens):
        question = messages[-1]["content"]
        self.asked[question, messages[0]["content"], str(messages)] += 1
        if sum(self.asked.values()) in self.fails:
            raise GeneratorError("The generator took too long.")
        yield "Club "
        yield "5"

    def complete(self, prompt, *, max_tokens):
        self.asked[prompt] += 1
        return " Club 5."


def test_every_item_once_with_its_prompt_and_scores(tmp_path):
    engine = Answering()
    lines = evaluate_items(PLAN, SPLIT, SELECTORS, engine, tmp_path)
    assert len(lines) == len({line["key"] for line in lines}) == ALL == sum(engine.asked.values())
    line = next(line for line in lines if line["key"] == "l2/ro/bm25/b5")
    assert line["question"].startswith("Pentru ce echipă a jucat Player 1")
    assert len(line["shown"]) == 3
    assert line["prompt"][-1]["content"].endswith("Răspuns: Răspunsul corect este")
    assert (line["answer"], line["f1"], line["exact"]) == ("Club 5", 1.0, 1.0)
    assert read_items(tmp_path).keys() == {line["key"] for line in lines}


def test_the_right_answer_of_l1_is_in_the_language(tmp_path):
    lines = evaluate_items(replace(PLAN, tasks=("l1",)), SPLIT, SELECTORS, Answering(), tmp_path)
    assert {line["right"][0] for line in lines if line["id"] == "a5" and line["language"] == "hi"} == {"मई 1910"}


def test_killed_and_started_again_it_loses_and_repeats_nothing(tmp_path):
    evaluate_items(PLAN, SPLIT, SELECTORS, Answering(), tmp_path)
    written = (tmp_path / ITEMS).read_bytes().splitlines(keepends=True)
    (tmp_path / ITEMS).write_bytes(b"".join(written[:10]) + written[10][:40])  # killed in the middle of a line
    engine = Answering()
    lines = evaluate_items(PLAN, SPLIT, SELECTORS, engine, tmp_path)
    assert sum(engine.asked.values()) == ALL - 10
    assert len(lines) == len({line["key"] for line in lines}) == ALL
    assert len((tmp_path / ITEMS).read_text(encoding="utf-8").splitlines()) == ALL


def test_what_selectors_agree_on_is_asked_once(tmp_path):
    twins = [RandomSelector(), RandomSelector(name="again")]
    plan = replace(PLAN, selectors=("random", "again"))
    engine = Answering(fails={2})
    lines = evaluate_items(plan, SPLIT, twins, engine, tmp_path, in_flight=1)
    assert len(lines) == ALL
    assert sum(engine.asked.values()) == ALL / 2
    assert len([line for line in lines if "error" in line]) == 2
    written = (tmp_path / ITEMS).read_text(encoding="utf-8").splitlines()
    kept = [text for text in written if json.loads(text)["selector"] == "random"]
    (tmp_path / ITEMS).write_text("".join(f"{text}\n" for text in kept), encoding="utf-8")
    engine = Answering()
    assert not [line for line in evaluate_items(plan, SPLIT, twins, engine, tmp_path) if "error" in line]
    assert sum(engine.asked.values()) == 1  # the failed one; the others' answers are those of their twins


def test_what_failed_is_recorded_and_asked_again(tmp_path):
    lines = evaluate_items(PLAN, SPLIT, SELECTORS, Answering(fails={3, 7}), tmp_path, in_flight=1)
    failed = [line for line in lines if "error" in line]
    assert len(failed) == 2
    assert all("answer" not in line and "f1" not in line for line in failed)
    rows = [row for task in PLAN.tasks for row in score_table(lines, PLAN, task)[1]]
    assert sum(row[4] for row in rows) == 2
    engine = Answering()
    lines = evaluate_items(PLAN, SPLIT, SELECTORS, engine, tmp_path)
    assert sum(engine.asked.values()) == 2
    assert not [line for line in lines if "error" in line]


def test_where_all_failed_there_is_no_figure(tmp_path):
    plan = replace(PLAN, tasks=("l2",), languages=("ro",))
    lines = evaluate_items(plan, SPLIT, SELECTORS, Answering(fails=range(1, 7)), tmp_path)
    assert [row[1:4] for row in score_table(lines, plan, "l2")[1]] == [["", "", 3]] * 2
    save_report(lines, plan, tmp_path)
    assert "NaN" not in (tmp_path / "results.json").read_text(encoding="utf-8")


def test_a_folder_keeps_to_its_evaluation_and_bad_lines_are_named(tmp_path):
    evaluate_items(PLAN, SPLIT, SELECTORS, Answering(), tmp_path)
    with pytest.raises(DataError, match="another evaluation"):
        evaluate_items(replace(PLAN, shots=1), SPLIT, SELECTORS, Answering(), tmp_path)
    (tmp_path / ITEMS).write_text('{"no": "key"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        read_items(tmp_path)


def test_facts_are_put_in_and_completion_is_one_text(tmp_path):
    engine = Answering()
    plan = replace(PLAN, style="completion", setting="facts", tasks=("l2",))
    lines = evaluate_items(
        plan, SPLIT, SELECTORS, engine, tmp_path, facts=lambda question, _: [f"Fact of {question.id}."]
    )
    assert all(f"Fact of {line['id']}." in line["prompt"] for line in lines)
    assert lines[0]["answer"] == " Club 5."


def test_the_same_items_whenever_they_are_made():
    assert list(plan_items(PLAN, SPLIT, SELECTORS)) == list(plan_items(PLAN, SPLIT, SELECTORS))


def test_the_report(tmp_path):
    lines = evaluate_items(PLAN, SPLIT, SELECTORS, Answering(), tmp_path)
    save_report(lines, PLAN, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "L2, exact match" in page
    assert "http" not in page.replace("data:image", "")
    assert (tmp_path / "l1.png").read_bytes().startswith(b"\x89PNG")
    columns, rows = score_table(lines, PLAN, "l2")
    assert columns[:4] == ["l2", "ro", "hi", "mean"]
    # "Club 5" against "Club 5", "Club 6", "Club 7": 1, 1/2, 1/2
    assert rows[0][:4] == ["random", pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3)]
    assert rows[1][5:] == ["+0.000", "+0.0", 1.0]
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["items"] == ALL


def test_facts_of_questions():
    questions = [
        TemporalQuestion("1", FactQuery("coach", "Ajax", Month(1990, 3)), ("Ann",)),
        TemporalQuestion("2", FactQuery("coach", "Ajax", Month(1988, 1)), ("Ann",)),
        TemporalQuestion("3", FactQuery("coach", "Ajax", Month(1991, 1)), ("Bo",)),
    ]
    facts = facts_from_questions(questions)
    assert [fact_sentence(fact) for fact in facts] == [
        "Ann was the head coach of Ajax from January 1988 to March 1990.",
        "Bo was the head coach of Ajax in January 1991.",
    ]
    assert fact_documents(facts) == [("Ajax-0.txt", "\n".join(map(fact_sentence, facts)))]


@pytest.mark.slow
@pytest.mark.parametrize("style", ["chat", "completion"])
def test_with_the_real_engine(embedded, tmp_path, data, base_encoder, style):
    from retriever.temporal.demonstrations import split_questions
    from retriever.temporal.questions import read_questions
    from retriever.temporal.selectors import SimilaritySelector

    split = split_questions(read_questions(data / "tempreason"), pool=100, asked=2)
    plan = TemporalPlan(("l1", "l2"), ("ro",), ("X-InSTA",), 2, 100, style=style)
    lines = evaluate_items(plan, split, [SimilaritySelector(base_encoder, "X-InSTA")], embedded, tmp_path)
    assert len(lines) == 4
    assert not [line["error"] for line in lines if "error" in line]
    assert all(line["answer"].strip() for line in lines)


@pytest.mark.slow
def test_the_command_killed_goes_on_where_it_was(command, tmp_path, data):
    arguments = ["eval", "temporal", "--data", str(data / "tempreason" / "test_l2.jsonl"), "--out", str(tmp_path / "e")]
    arguments += ["--tasks", "l2", "--languages", "ro", "--questions", "4", "--pool", "60", "--setting", "rag"]
    line = command(*arguments, "--selectors", "random,X-InSTA", "--json", ISTHMUS_GENERATOR="embedded",
                   ISTHMUS_EMBEDDED_MODEL="0.5b")  # fmt: skip
    running = subprocess.Popen(**line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    path = tmp_path / "e" / ITEMS
    try:
        late = time.monotonic() + 240
        while time.monotonic() < late and not (path.is_file() and path.stat().st_size):
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.2)
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
    before = path.read_bytes()
    done = subprocess.run(**line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    keys = [json.loads(text)["key"] for text in path.read_text(encoding="utf-8").splitlines()]
    assert len(keys) == len(set(keys)) == 8
    assert [row[0] for row in json.loads(done.stdout)["l2"]["rows"]] == ["random", "X-InSTA"]
