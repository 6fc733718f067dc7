"""`isthmus eval` as a user runs it, on a few questions with the real encoder."""

import json

import ir_measures
import pytest

from retriever.temporal import arithmetic
from retriever.temporal.parsing import parse_shift

pytestmark = pytest.mark.slow

ARTICLES = {
    "Danube": {
        "en": ("How long is the Danube?", "The Danube is a river in Europe, 2,850 kilometres long."),
        "ro": ("Cât de lungă este Dunărea?", "Dunărea este un fluviu din Europa, lung de 2.850 de kilometri."),
        "th": ("แม่น้ำดานูบยาวเท่าไร", "แม่น้ำดานูบเป็นแม่น้ำในยุโรป ยาว 2,850 กิโลเมตร"),
    },
    "Bologna": {
        "en": ("When was the university founded?", "The University of Bologna was founded in 1088."),
        "ro": ("Când a fost fondată universitatea?", "Universitatea din Bologna a fost fondată în 1088."),
        "th": ("มหาวิทยาลัยก่อตั้งเมื่อใด", "มหาวิทยาลัยโบโลญญาก่อตั้งใน ค.ศ. 1088"),
    },
}


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for language in ("en", "ro", "th"):
        articles = [
            {"title": title, "paragraphs": [{"context": text[1], "qas": [{"id": title, "question": text[0]}]}]}
            for title, texts in ARTICLES.items()
            for text in [texts[language]]
        ]
        (folder / f"mini.{language}.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    return folder


def test_eval_retrieval_writes_runs_tables_plots_and_a_page(isthmus, data, tmp_path):
    out = tmp_path / "out"
    printed = isthmus(
        "eval", "retrieval", "--data", data, "--systems", "dense,bm25,isthmus", "--directions", "L-en,mixed",
        "--out", out, "--json",
    )  # fmt: skip
    record = json.loads(printed.out)
    assert record == json.loads((out / "results.json").read_text(encoding="utf-8")) | {
        key: record[key] for key in ("data", "encoder", "queries")
    }
    rows = {(row["system"], row["direction"], row["language"]): row for row in record["results"]}
    assert len(rows) == 3 * 2 * 3
    assert rows["dense", "L-en", "th"]["measures"]["R@1"] == 1.0
    # Of the versions of the right passage, only the one in the query's language shares words with the query.
    assert rows["bm25", "mixed", "ro"]["preference"] == {"top_share": 1.0, "lpr": 1.0, "lang_ndcg": 1.0}
    mixed_run = list(ir_measures.read_trec_run(str(out / "runs" / "isthmus.mixed.ro.trec")))
    first_versions = []
    for title in ARTICLES:
        versions = [hit for hit in mixed_run if hit.query_id == title and hit.doc_id.startswith(f"{title}#")]
        first_versions.append(max(versions, key=lambda hit: hit.score).doc_id)
    lpr = sum(id_.endswith("@ro") for id_ in first_versions) / len(ARTICLES)
    assert rows["isthmus", "mixed", "ro"]["preference"]["lpr"] == lpr
    assert rows["dense", "L-en", "ro"]["alignment"]["back_retrieval"] == 1.0
    assert rows["dense", "L-en", "en"]["alignment"]["anchoring_error"] < 0.001
    assert "p" in rows["isthmus", "L-en", "ro"]["against_first"]
    run = list(ir_measures.read_trec_run(str(out / "runs" / "dense.L-en.ro.trec")))
    assert {hit.query_id for hit in run} == {"Danube", "Bologna"}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    assert (out / "L-en.png").read_bytes().startswith(b"\x89PNG")


def test_what_one_language_cannot_tell_is_null_in_json(isthmus, data):
    printed = isthmus("eval", "retrieval", "--data", data, "--systems", "bm25", "--languages", "ro", "--json")
    (fair,) = json.loads(printed.out, parse_constant=pytest.fail)["fairness"]
    assert (fair["to_english"], fair["kruskal_p"]) == (None, None)
    assert "nan" not in isthmus("eval", "retrieval", "--data", data, "--systems", "bm25", "--languages", "ro").out


def test_two_encoders_are_compared(isthmus, data):
    printed = isthmus(
        "eval", "retrieval", "--data", data, "--systems", "dense", "--encoder", "base", "--encoder", "aligned"
    )
    assert "dense (base)" in printed.out
    assert "dense (aligned)" in printed.out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--data", "nowhere"], "nowhere does not exist"),
        (["--data", "{data}", "--systems", "dens"], "'dens' is none of the systems"),
        (["--data", "{data}", "--languages", "ro,xx"], "has no file for xx"),
        (["--data", "{data}", "--directions", ""], "Name at least one of the directions"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(isthmus, data, arguments, reason):
    printed = isthmus("eval", "retrieval", *(a.format(data=data) for a in arguments), code=2)
    assert reason in printed.err


def test_align_says_what_it_does_not_know(isthmus, data, tmp_path):
    assert (
        "none of the methods" in isthmus("align", "--data", data, "--out", tmp_path / "o", "--method", "x", code=2).err
    )
    assert "too few to hold out" in isthmus("align", "--data", data, "--out", tmp_path / "o", code=2).err


def test_a_knowledge_base_with_a_fault_is_refused_before_a_generator_is_opened(isthmus, tmp_path):
    base = tmp_path / "kb.tsv"
    base.write_text("query\tlabel\nwake me up\n", encoding="utf-8")
    arguments = ("questions", base, "--knowledge-base", "--out", tmp_path / "out")
    assert "kb.tsv, line 2: 1 columns" in isthmus(*arguments, "--languages", "ro", code=2).err
    assert "none of the languages" in isthmus(*arguments, "--languages", "xx", code=2).err
    assert not (tmp_path / "out").exists()


def test_eval_questions_writes_a_file_for_each_language(isthmus, tmp_path):
    source = tmp_path / "test_l3.jsonl"
    row = {"id": "1", "relation": "coach", "subject": "HNK Rijeka", "direction": "before", "reference": "Goran Tomić"}
    source.write_text(json.dumps({**row, "answers": ["Simon Rožman"]}), encoding="utf-8")
    written = json.loads(
        isthmus("eval", "questions", "--data", source, "--languages", "ro,ar", "--out", tmp_path / "q", "--json").out
    )
    assert set(written.values()) == {1}
    (line,) = (tmp_path / "q" / "test_l3.ro.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["question"] == (
        "Cine a fost antrenorul principal al echipei HNK Rijeka înainte de Goran Tomić?"
    )
    refused = isthmus("eval", "questions", "--data", source, "--languages", "xx", "--out", tmp_path / "q", code=2)
    assert "'xx' is none of the languages" in refused.err


def test_eval_questions_makes_calendar_questions_of_any_years_in_any_language(isthmus, tmp_path):
    command = ("eval", "questions", "--out", tmp_path / "q")
    printed = isthmus(*command, "--years", "1900-2030", "--count", "20", "--languages", "th,ja", "--json")
    assert set(json.loads(printed.out).values()) == {20}
    rows = {
        language: [
            json.loads(line) for line in (tmp_path / "q" / f"l1.{language}.jsonl").read_text("utf-8").splitlines()
        ]
        for language in ("th", "ja")
    }
    for thai, japanese in zip(rows["th"], rows["ja"], strict=True):
        shift = parse_shift(thai["question"], "th")
        assert shift is not None
        assert arithmetic.write_question(shift, "ja") == japanese["question"]
        assert 1900 <= shift.start.year <= 2030
        assert japanese["text_answers"]["text"] == [f"{shift.result.year}年{shift.result.month}月"]
    for years in ("2030-1900", "0-5", "long ago", "99999"):
        assert "give two years" in isthmus(*command, "--years", years, "--languages", "ro", code=2).err
    assert "CLDR does not know" in isthmus(*command, "--years", "1900", "--languages", "ro,qqq", code=2).err
    assert "either --data" in isthmus(*command, "--languages", "ro", code=2).err


def l2_file(folder):
    """Players and coaches over the years, as TempReason has them."""
    rows = [
        {
            "id": f"{relation}{n}",
            "question": "",
            "answers": [f"Club {n}"],
            "relation": relation,
            "subject": f"{relation} {n % 9}",
            "time": f"Mar, {1950 + n}",
        }
        for relation in ("played_for", "coach")
        for n in range(30)
    ]
    path = folder / "l2.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_eval_demonstrations_compares_selectors_without_a_generator(isthmus, tmp_path):
    path = l2_file(tmp_path)
    printed = isthmus(
        "eval", "demonstrations", "--data", path, "--languages", "hi,th", "--pool", "40", "--asked", "8", "--json"
    )
    rows = json.loads(printed.out)
    agreements = {(row["language"], row["selector"]): row for row in rows}
    assert {language for language, _ in agreements} == {"hi", "th"}
    assert agreements["hi", "X-InSTA"]["overlap"] > agreements["hi", "random"]["overlap"]
    assert agreements["th", "structured"]["same_relation"] == 1.0


def test_align_prints_its_report_as_json_and_nothing_else(isthmus, tmp_path):
    options = ("--method", "clitssa", "--languages", "ro", "--tasks", "l2", "--steps", "2", "--batch", "4")
    printed = isthmus("align", *options, "--data", l2_file(tmp_path), "--out", tmp_path / "cl", "--json")
    report = json.loads(printed.out)
    assert report["recipe"]["steps"] == 2
    assert {row["selector"] for row in report["results"]} == {"X-InSTA", "CLiTSSA"}
    assert report == json.loads((tmp_path / "cl" / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--selectors", "best", "--questions", "20", "--pool", "40"], "is none of the selectors"),
        (["--questions", "1", "--pool", "3", "--data", "{folder}/none.jsonl"], "none.jsonl"),
        (["--setting", "open"], "is none of the settings"),
        (["--languages", "xx"], "is none of the languages"),
        (["--tasks", "l4"], "is none of the tasks"),
    ],
)
def test_eval_temporal_says_what_it_does_not_know(isthmus, tmp_path, arguments, reason):
    data = l2_file(tmp_path)
    options = [argument.format(folder=tmp_path) for argument in arguments]
    printed = isthmus("eval", "temporal", "--data", data, "--out", tmp_path / "e", *options, code=2)
    assert reason in " ".join(printed.err.split())
    assert not (tmp_path / "e").exists()
