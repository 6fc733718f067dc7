"""The batch evaluation: resumed without loss or repetition, failures recorded, its report, and with the real engine."""

import itertools
import json
import os
import signal
import subprocess
import time
from collections import Counter
from dataclasses import replace
from operator import attrgetter, itemgetter

import pytest

from rag.errors import GeneratorError
from rag.evaluation.plan import TemporalPlan, plan_items
from rag.evaluation.report import TemporalReport
from rag.evaluation.results import ITEMS, ItemResult, read_results
from rag.evaluation.run import evaluate_items, run_temporal
from rag.evaluation.scores import AnswerScore
from retriever.errors import DataError, IsthmusError
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.demonstrations import TemporalSplit
from retriever.temporal.facts import fact_documents, fact_sentence, facts_from_questions
from retriever.temporal.questions import Fact, FactQuery, TemporalQuestion
from retriever.temporal.selectors import BM25Selector, RandomSelector, Selector
from retriever.types import Month

L1 = [TemporalQuestion(f"a{n}", MonthShift(Month(1900 + n, 5), 13 * n, after=True), ("x",)) for n in range(8)]
L2 = [
    TemporalQuestion(f"b{n}", FactQuery("played_for", f"Player {n % 4}", Month(1970 + n, 3)), (f"Club {n}",))
    for n in range(8)
]
SPLIT = TemporalSplit(L1[:5] + L2[:5], L1[5:] + L2[5:])
SELECTORS: list[Selector] = [RandomSelector(), BM25Selector()]
PLAN = TemporalPlan(("l1", "l2"), ("ro", "hi"), ("random", "bm25"), 3, 5, generator="scripted")
ALL = 2 * 2 * 2 * 3


class Answering:
    """Answers with a club, or fails; counts the prompts."""

    label = "answering"
    evidence_tokens = 400
    small = False

    def __init__(self, fails=()):
        self.fails = set(fails)
        self.prompts: Counter[str] = Counter()

    def stream(self, messages, *, max_tokens):
        self.prompts[str(messages)] += 1
        if sum(self.prompts.values()) in self.fails:
            raise GeneratorError("The generator took too long.")
        yield "Club "
        yield "5"

    def complete(self, prompt, *, max_tokens):
        self.prompts[prompt] += 1
        return " Club 5."

    def answer(self, messages, *, max_tokens):
        raise GeneratorError("This generator has no probabilities.")

    def choice_logprobs(self, messages, choices):
        raise GeneratorError("This generator has no probabilities.")

    def text_logprob(self, messages, text):
        raise AssertionError

    def close(self):
        raise AssertionError("Whoever opened the engine closes it.")


def test_every_item_once_with_its_prompt_and_scores(tmp_path):
    engine = Answering()
    results = evaluate_items(PLAN, SPLIT, SELECTORS, engine, tmp_path)
    assert len(results) == len({result.key for result in results}) == ALL == sum(engine.prompts.values())
    result = next(result for result in results if result.key == "l2/ro/bm25/b5")
    assert result.question.startswith("Pentru ce echipă a jucat Player 1")
    assert len(result.demonstrations) == 3
    assert isinstance(result.prompt, list)
    assert result.prompt[-1]["content"].endswith("Răspuns: Răspunsul corect este")
    assert (result.answer, result.score.f1, result.score.exact) == ("Club 5", 1.0, 1.0)
    assert read_results(tmp_path) == {result.key: result for result in results}


def test_the_right_answer_of_l1_is_in_the_language(tmp_path):
    results = evaluate_items(replace(PLAN, tasks=("l1",)), SPLIT, SELECTORS, Answering(), tmp_path)
    assert {r.gold_answers[0] for r in results if r.id == "a5" and r.language == "hi"} == {"अक्टूबर 1910"}


def test_killed_and_started_again_it_loses_and_repeats_nothing(tmp_path):
    evaluate_items(PLAN, SPLIT, SELECTORS, Answering(), tmp_path)
    written = (tmp_path / ITEMS).read_bytes().splitlines(keepends=True)
    (tmp_path / ITEMS).write_bytes(b"".join(written[:10]) + written[10][:40])  # killed in the middle of a line
    engine = Answering()
    results = evaluate_items(PLAN, SPLIT, SELECTORS, engine, tmp_path)
    assert sum(engine.prompts.values()) == ALL - 10
    assert len(results) == len({result.key for result in results}) == ALL
    assert len((tmp_path / ITEMS).read_text(encoding="utf-8").splitlines()) == ALL


def test_what_selectors_agree_on_is_asked_once(tmp_path):
    twins: list[Selector] = [RandomSelector(), RandomSelector(name="again")]
    plan = replace(PLAN, selectors=("random", "again"))
    engine = Answering(fails={2})
    results = evaluate_items(plan, SPLIT, twins, engine, tmp_path, in_flight=1)
    assert len(results) == ALL
    assert sum(engine.prompts.values()) == ALL / 2
    assert len([result for result in results if result.error]) == 2
    lines = (tmp_path / ITEMS).read_text(encoding="utf-8").splitlines()
    random_lines = [line for line in lines if json.loads(line)["selector"] == "random"]
    (tmp_path / ITEMS).write_text("".join(f"{line}\n" for line in random_lines), encoding="utf-8")
    engine = Answering()
    assert not [result for result in evaluate_items(plan, SPLIT, twins, engine, tmp_path) if result.error]
    assert sum(engine.prompts.values()) == 1  # the failed one; the others' answers are those of their twins


def test_what_failed_is_recorded_and_asked_again(tmp_path):
    results = evaluate_items(PLAN, SPLIT, SELECTORS, Answering(fails={3, 7}), tmp_path, in_flight=1)
    failures = [result for result in results if result.error]
    assert len(failures) == 2
    assert all(result.answer is None and result.score is None for result in failures)
    rows = [row for task in PLAN.tasks for row in TemporalReport(PLAN, results).table(task)[1]]
    assert sum(map(itemgetter(4), rows)) == 2
    engine = Answering()
    results = evaluate_items(PLAN, SPLIT, SELECTORS, engine, tmp_path)
    assert sum(engine.prompts.values()) == 2
    assert not [result for result in results if result.error]


def test_where_all_failed_there_is_no_figure(tmp_path):
    plan = replace(PLAN, tasks=("l2",), languages=("ro",))
    results = evaluate_items(plan, SPLIT, SELECTORS, Answering(fails=range(1, 7)), tmp_path)
    report = TemporalReport(plan, results)
    assert [row[1:4] for row in report.table("l2")[1]] == [["", "", 3]] * 2
    report.save(tmp_path)
    assert "NaN" not in (tmp_path / "results.json").read_text(encoding="utf-8")


def test_the_translations_of_a_question_are_compared_as_one():
    """Three questions in two languages, all answered by one selector alone: two of eight signs are as extreme."""

    def result(selector, language, number):
        f1 = float(selector == "bm25")
        score = AnswerScore(f1, f1, f1, f1, f1)
        return ItemResult("", "l2", language, selector, f"b{number}", "?", ("x",), (), "", answer="x", score=score)

    results = [result(*item) for item in itertools.product(PLAN.selectors, PLAN.languages, range(3))]
    assert TemporalReport(PLAN, results).table("l2")[1][1][-1] == 2 / 8


def test_a_folder_keeps_to_its_evaluation_and_bad_lines_are_named(tmp_path):
    evaluate_items(PLAN, SPLIT, SELECTORS, Answering(), tmp_path)
    with pytest.raises(DataError, match="another evaluation"):
        evaluate_items(replace(PLAN, shots=1), SPLIT, SELECTORS, Answering(), tmp_path)
    item = (tmp_path / ITEMS).read_text(encoding="utf-8").splitlines()[0]
    for bad_line in ('{"no": "key"}', "[1]", "no JSON", item.replace('"answer"', '"reply"')):
        (tmp_path / ITEMS).write_text(f"{item}\n{bad_line}\n", encoding="utf-8")
        with pytest.raises(DataError, match=f"{ITEMS}, line 2: not an item"):
            read_results(tmp_path)


def test_facts_are_put_in_and_completion_is_one_text(tmp_path):
    engine = Answering()
    plan = replace(PLAN, style="completion", setting="facts", tasks=("l2",))
    results = evaluate_items(
        plan, SPLIT, SELECTORS, engine, tmp_path, facts=lambda question, _: [f"Fact of {question.id}."]
    )
    assert all(f"Fact of {result.id}." in result.prompt for result in results)
    assert results[0].answer == " Club 5."


def test_the_same_items_whenever_they_are_made():
    assert list(plan_items(PLAN, SPLIT, SELECTORS)) == list(plan_items(PLAN, SPLIT, SELECTORS))


def test_the_report(tmp_path):
    results = evaluate_items(PLAN, SPLIT, SELECTORS, Answering(), tmp_path)
    report = TemporalReport(PLAN, results)
    report.save(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "L2, exact match" in page
    assert "http" not in page.replace("data:image", "")
    assert (tmp_path / "l1.png").read_bytes().startswith(b"\x89PNG")
    columns, rows = report.table("l2")
    assert columns[:4] == ["l2", "ro", "hi", "mean"]
    # "Club 5" against "Club 5", "Club 6", "Club 7": 1, 1/2, 1/2
    assert rows[0][:4] == ["random", pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3)]
    assert rows[1][4:] == [0, 0.0, "+0.000", "+0.0", 1.0]
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["items"] == ALL


ITEM_LINES = {
    "chat": (
        '{"key": "l1/hi/random/a5", "task": "l1", "language": "hi", "selector": "random", "id": "a5", '
        '"question": "मई?", "right": ["मई 1910"], "shown": ["a3", "a1"], '
        '"prompt": [{"role": "user", "content": "मई?"}], "hinted": false, "answer": "मई 1911", "f1": 0.5, '
        '"squad_f1": 0.5, "exact": 0.0, "best_f1": 0.5, "best_exact": 0.0}'
    ),
    "completion": (
        '{"key": "l2/ro/bm25/b5", "task": "l2", "language": "ro", "selector": "bm25", "id": "b5", "question": "Cine?", '
        '"right": ["Ann", "Bo"], "shown": [], "prompt": "Cine?\\n", "hinted": true, '
        '"error": "The generator took too long."}'
    ),
}


@pytest.mark.parametrize("line", ITEM_LINES.values(), ids=ITEM_LINES)
def test_a_line_of_the_file_is_a_result_and_back(line):
    assert ItemResult.from_json(line).to_json() == line


def test_a_result_holds_what_its_line_says():
    answered, failed = map(ItemResult.from_json, ITEM_LINES.values())
    assert (answered.answer, answered.error, answered.score) == ("मई 1911", None, AnswerScore(0.5, 0.5, 0.0, 0.5, 0.0))
    assert (answered.hinted, failed.hinted) == (False, True)
    assert (failed.answer, failed.error, failed.score) == (None, "The generator took too long.", None)
    assert failed.gold_answers == ("Ann", "Bo")
    assert answered.demonstrations == ("a3", "a1")


def test_the_plan_of_a_folder_keeps_its_form(tmp_path):
    evaluate_items(PLAN, SPLIT, SELECTORS, Answering(), tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text(encoding="utf-8")) == {
        "tasks": ["l1", "l2"], "languages": ["ro", "hi"], "selectors": ["random", "bm25"], "questions": 3, "pool": 5,
        "setting": "closed", "style": "chat", "shots": 3, "seed": 1, "generator": "scripted", "version": 2,
    }  # fmt: skip


class NoEncoder:
    """For selectors that embed nothing."""

    def encode_queries(self, texts):
        raise AssertionError("Neither random nor bm25 embeds.")


def run_plan(plan, engine, folder, settings, questions=(*L1, *L2), facts=()):
    return run_temporal(
        plan,
        questions,
        encoder=NoEncoder(),
        tuned={},
        engine=lambda: engine,
        settings=settings,
        folder=folder,
        facts=facts,
    )


FACTS = [
    Fact(f"Player {n}", "played_for", f"Club {n}{part}", Month(start, 3), Month(start + 4, 3))
    for n in range(4)
    for part, start in (("a", 1970), ("b", 1975))
]
"""Two clubs each, for four years."""


def test_a_whole_run_asks_reports_and_continues(tmp_path, settings):
    engine = Answering()
    plan = replace(PLAN, setting="facts", shots=1)
    report = run_plan(plan, engine, tmp_path, settings, facts=FACTS)
    assert report.plan.generator == "answering"
    assert report.tasks == ("l1", "l2")
    assert {result.selector for result in report.results} == {"random", "bm25"}
    assert all("played for Club" in result.prompt[-1]["content"] for result in report.results if result.task == "l2")
    record = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert record["generator"] == "answering"
    assert record["tables"]["l2"]["f1"]["rows"] == report.table("l2")[1]
    engine = Answering()
    again = run_plan(plan, engine, tmp_path, settings, facts=FACTS)
    assert sorted(again.results, key=attrgetter("key")) == sorted(report.results, key=attrgetter("key"))
    assert not engine.prompts


def test_a_plan_that_cannot_be_carried_out_opens_no_engine(tmp_path, settings):
    with pytest.raises(IsthmusError, match="'best' is none of the selectors: random, bm25, X-InSTA"):
        run_plan(replace(PLAN, selectors=("best",)), None, tmp_path / "out", settings)
    with pytest.raises(DataError, match="too few"):
        run_plan(PLAN, None, tmp_path / "out", settings, questions=L1[:2])
    assert not (tmp_path / "out").exists()


def test_facts_answer_and_do_not_name_the_month_that_is_asked_for(tmp_path, settings):
    plan = replace(PLAN, tasks=("l2",), languages=("ro",), selectors=("random",), setting="facts")
    results = {result.id: result for result in run_plan(plan, Answering(), tmp_path, settings, facts=FACTS).results}
    assert not any(result.hinted for result in results.values())
    for result in results.values():
        (gold_answer,) = result.gold_answers
        *_, facts, _ = result.prompt[-1]["content"].split("\n\n")
        assert f"played for {gold_answer} from March" in facts or "played for" in facts.split(gold_answer)[0]
    withheld = run_plan(replace(plan, setting="withheld"), Answering(), tmp_path / "withheld", settings, facts=FACTS)
    assert {result.id: result.question for result in withheld.results} == {
        id_: result.question for id_, result in results.items()
    }
    assert not any("played for Club" in result.prompt[-1]["content"] for result in withheld.results)


def test_a_fact_that_names_the_month_is_counted_as_a_hint(tmp_path):
    plan = replace(PLAN, tasks=("l2",), languages=("ro",), selectors=("random",))
    results = evaluate_items(
        plan,
        SPLIT,
        [RandomSelector()],
        Answering(),
        tmp_path,
        facts=lambda question, _: [f"Played in March {question.content.when.year if question.id == 'b5' else 1900}."],
    )
    assert {result.id: result.hinted for result in results} == {"b5": True, "b6": False, "b7": False}
    (row,) = TemporalReport(plan, results).table("l2")[1]
    assert row[4] == pytest.approx(1 / 3)


def test_no_demonstration_has_the_month_of_the_answer():
    by_months = [TemporalQuestion(f"m{n}", MonthShift(Month(1900, 1), n, after=True), ("x",)) for n in range(24)]
    split = TemporalSplit(by_months[:12], by_months[12:])
    plan = replace(PLAN, tasks=("l1",), languages=("ro",), shots=12)
    items = list(plan_items(plan, split, SELECTORS))
    assert len(items) == 24
    for item in items:
        assert len(item.demonstrations) == 11
        month = item.question.content.result.month
        assert month not in {one.content.result.month for one in item.demonstrations}


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

    split = split_questions(read_questions(data / "tempreason"), pool=100, questions=2)
    plan = TemporalPlan(("l1", "l2"), ("ro",), ("X-InSTA",), 2, 100, style=style)
    results = evaluate_items(plan, split, [SimilaritySelector(base_encoder, "X-InSTA")], embedded, tmp_path)
    assert len(results) == 4
    assert not [result.error for result in results if result.error]
    assert all(result.answer.strip() for result in results)


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
