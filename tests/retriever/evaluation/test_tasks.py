import json

import pytest

from retriever.errors import DataError
from retriever.evaluation.tasks import read_tasks


def parallel(folder):
    for language, question, context in (
        ("en", "How long is the Danube?", "The Danube is 2,850 km long."),
        ("ro", "Cât de lungă este Dunărea?", "Dunărea are 2.850 km."),
        ("th", "แม่น้ำดานูบยาวเท่าไร", "แม่น้ำดานูบยาว 2,850 กม."),
    ):
        paragraph = {"context": context, "qas": [{"id": "q1", "question": question}]}
        data = {"data": [{"title": "Danube", "paragraphs": [paragraph]}]}
        (folder / f"x.{language}.json").write_text(json.dumps(data), encoding="utf-8")


def test_the_four_directions_of_parallel_data(tmp_path):
    parallel(tmp_path)
    tasks = {(t.direction, t.language): t for t in read_tasks(tmp_path, None, ["L-en", "L-L", "en-L", "mixed"])}
    assert len(tasks) == 12
    assert tasks["L-en", "ro"].queries["q1"].text == "Cât de lungă este Dunărea?"
    assert tasks["L-en", "ro"].qrels == {"q1": {"Danube#0@en": 1}}
    assert list(tasks["L-L", "th"].passages) == ["Danube#0@th"]
    assert tasks["en-L", "th"].queries["q1"].language == "en"
    assert tasks["mixed", "ro"].qrels["q1"].keys() == {"Danube#0@en", "Danube#0@ro", "Danube#0@th"}
    assert tasks["L-en", "ro"].pool == tasks["L-en", "th"].pool


def test_languages_alone_are_measured_against_english_all_the_same(tmp_path):
    parallel(tmp_path)
    (task,) = read_tasks(tmp_path, ["ro"], ["L-en"])
    assert (task.language, list(task.passages), task.originals) == (
        "ro",
        ["Danube#0@en"],
        {"q1": "How long is the Danube?"},
    )
    assert [t.language for t in read_tasks(tmp_path, ["th", "ro"], ["L-L"])] == ["th", "ro"]
    (tmp_path / "x.en.json").unlink()
    with pytest.raises(DataError, match=r"Without an English file .* L-en, en-L cannot be measured"):
        read_tasks(tmp_path, None, ["L-en", "L-L", "en-L"])
    with pytest.raises(DataError, match="no file for en"):
        read_tasks(tmp_path, ["ro"], ["L-en"])
    assert {t.language for t in read_tasks(tmp_path, None, ["L-L", "mixed"])} == {"ro", "th"}


def test_pairs(tmp_path):
    (tmp_path / "ron-eng.tsv").write_text("Da.\tYes.\nBine.\tYes.\nNu.\tNo.\n", encoding="utf-8")
    (task,) = read_tasks(tmp_path / "ron-eng.tsv")
    assert len(task.passages) == 2  # the same English text is one passage
    assert task.qrels["0"] == task.qrels["1"]
    assert [task.question(id_) for id_ in task.queries] == ["Yes.", "Yes.", "No."]


def test_labelled(tmp_path):
    for name in ("train", "validation"):
        rows = "en_query\tcs_query\ten_parse\na\tb\t[IN:X a ]\nc\td\t[IN:Y c ]\n"
        extra = "e\tf\t[IN:Z e ]\n" if name == "validation" else ""  # a label the knowledge base lacks
        (tmp_path / f"{name}.tsv").write_text(rows + extra, encoding="utf-8")
    english, mixed = read_tasks(tmp_path)
    assert [query.text for query in mixed.queries.values()] == ["b", "d"]
    assert [query.text for query in english.queries.values()] == ["a", "c"]
    assert mixed.qrels == {"hi-Latn-0": {"kb-0": 1}, "hi-Latn-1": {"kb-1": 1}}


def beir(folder, qrels="query-id\tcorpus-id\tscore\nq1\td1\t1\n", name="test.tsv"):
    (folder / "qrels").mkdir()
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "title": "Danube", "text": "It is long."}\n', encoding="utf-8")
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "Cât de lungă este Dunărea?"}\n', encoding="utf-8")
    (folder / "qrels" / name).write_text(qrels, encoding="utf-8")


def test_beir(tmp_path):
    beir(tmp_path)
    (task,) = read_tasks(tmp_path)
    assert (task.direction, task.language, task.qrels) == ("test", "ro", {"q1": {"d1": 1}})
    assert task.passages["d1"].text == "Danube It is long."


def test_trec_qrels(tmp_path):
    beir(tmp_path, "q1 0 d1 2\n", "test.txt")
    (task,) = read_tasks(tmp_path)
    assert task.qrels == {"q1": {"d1": 2}}


@pytest.mark.parametrize(
    ("qrels", "complaint"),
    [
        ("q1\td1\n", "test.tsv, line 1: expected query-id, corpus-id and score"),
        ("q1\td9\t1\n", "1 passages are not in corpus.jsonl, such as 'd9'"),
        ("q7\td1\t1\n", "1 queries are not in queries.jsonl, such as 'q7'"),
        ("", "has no qrels"),
    ],
)
def test_bad_beir_folders(tmp_path, qrels, complaint):
    beir(tmp_path, qrels)
    with pytest.raises(DataError, match=complaint):
        read_tasks(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_tasks(tmp_path / "nothing")
