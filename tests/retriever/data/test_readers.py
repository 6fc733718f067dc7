import json

import pytest

from retriever.data.files import read_jsonl
from retriever.data.labelled import LabelledQuery, read_labelled
from retriever.data.pairs import Pair, read_pairs, short_code
from retriever.data.squad import read_squad
from retriever.errors import DataError


def squad_file(folder, language, title, question, context):
    paragraph = {"context": context, "qas": [{"id": "q1", "question": question, "answers": []}]}
    data = {"data": [{"title": title, "paragraphs": [paragraph]}]}
    (folder / f"xquad.{language}.json").write_text(json.dumps(data), encoding="utf-8")


def test_parallel_squad_shares_ids_even_where_titles_are_translated(tmp_path):
    squad_file(tmp_path, "en", "Danube", "How long is it?", "The Danube is long.")
    squad_file(tmp_path, "ro", "Dunărea", "Cât  de lungă este?", "Dunărea este lungă.")
    squad = read_squad(tmp_path)
    assert squad.articles == ["Danube"]
    assert [q.passage_id for q in squad.questions["ro"]] == ["Danube#0"]
    assert squad.passages["ro"] == {"Danube#0": "Dunărea este lungă."}
    assert squad.questions["ro"][0].text == "Cât de lungă este?"
    assert squad.without_passages({"Danube"}).passages == {"en": {}, "ro": {}}
    empty = squad.only(set())
    assert (empty.questions, empty.passages) == ({"en": [], "ro": []}, squad.passages)


def test_pairs_know_their_language_from_the_files_name(tmp_path):
    (tmp_path / "ron-eng.tsv").write_text("Bună ziua.\tHello.\n\nDa.\tYes.\textra\n", encoding="utf-8")
    (tmp_path / "cmn-eng.tsv").write_text("你好。\tHello.\n", encoding="utf-8")
    assert read_pairs(tmp_path, ["ro"]) == [Pair("ro", "Bună ziua.", "Hello."), Pair("ro", "Da.", "Yes.")]
    assert {pair.language for pair in read_pairs(tmp_path)} == {"ro", "zh"}


@pytest.mark.parametrize(("code", "short"), [("ron", "ro"), ("pes", "fa"), ("cmn", "zh"), ("swh", "sw"), ("en", "en")])
def test_three_letter_codes(code, short):
    assert short_code(code) == short


def test_labelled_queries(tmp_path):
    file = tmp_path / "train.tsv"
    rows = (
        "en_query\tcs_query\ten_parse\tcs_parse\tdomain\nWake me\tmujhe jagao\t[IN:CREATE_ALARM Wake me ]\tx\talarm\n"
    )
    file.write_text(rows, encoding="utf-8")
    assert read_labelled(file) == [LabelledQuery("Wake me", "mujhe jagao", "CREATE_ALARM", "hi-Latn")]
    file.write_text('query\tlabel\nreset "my password\taccount\nwhere is my parcel?\tparcel\n', encoding="utf-8")
    assert read_labelled(file)[0] == LabelledQuery('reset "my password', 'reset "my password', "account", "en")
    file.write_text(
        "query\tenglish\tlabel\tlanguage\n"
        "pune parola la loc\treset my password\taccount\tro\nमेरा खाता कहाँ है\t\taccount\t\n",
        encoding="utf-8",
    )
    translated, untranslated = read_labelled(file)
    assert translated == LabelledQuery("reset my password", "pune parola la loc", "account", "ro")
    assert untranslated == LabelledQuery("", "मेरा खाता कहाँ है", "account", "hi")
    lines = file.with_suffix(".jsonl")
    query = "please wake me up at six in the morning"
    lines.write_text(json.dumps({"query": query, "label": "ALARM", "weight": 3}) + "\n", encoding="utf-8")
    assert read_labelled(lines) == [LabelledQuery(query, query, "ALARM", "en")]


@pytest.mark.parametrize(
    ("name", "content", "read", "complaint"),
    [
        ("ron-eng.tsv", "fine\tfine\nno tab here\n", read_pairs, r"ron-eng.tsv, line 2: expected text<TAB>english"),
        ("pairs.tsv", "a\tb\n", read_pairs, "call it like ron-eng.tsv"),
        ("ron-eng.tsv", "", read_pairs, "holds no pairs"),
        ("train.tsv", "en_query\tcs_query\n", read_labelled, "line 1: the columns en_parse are missing"),
        ("train.tsv", "query\tlabel\nonly one\n", read_labelled, "line 2: 1 columns, the header has 2"),
        ("train.tsv", "en_query\tcs_query\ten_parse\na\tb\tc\n", read_labelled, "line 2: the parse opens with no"),
        ("train.tsv", "", read_labelled, "is empty"),
        ("train.jsonl", '{"query": "a", "label": 7}\n', read_labelled, "object 1: label must be there"),
        ("rows.jsonl", '{"a": 1}\n{"a": \n', lambda path: list(read_jsonl(path)), "rows.jsonl, line 2: no JSON"),
        ("rows.jsonl", "[1]\n", lambda path: list(read_jsonl(path)), "line 1: expected an object"),
    ],
)
def test_bad_files_name_the_line_and_the_fault(tmp_path, name, content, read, complaint):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=complaint) as error:
        read(file)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("{", "line 1: no JSON"), ('{"data": [{"title": "x"}]}', "not in SQuAD's form"), ("[]", "not in SQuAD's form")],
)
def test_bad_squad_files(tmp_path, content, complaint):
    (tmp_path / "x.ro.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=complaint):
        read_squad(tmp_path)


def test_missing_files_and_files_that_are_not_utf8(tmp_path):
    with pytest.raises(DataError, match="holds no file named like"):
        read_squad(tmp_path)
    squad_file(tmp_path, "en", "t", "q", "c")
    with pytest.raises(DataError, match="has no file for ro"):
        read_squad(tmp_path, ["ro"])
    (tmp_path / "ron-eng.tsv").write_bytes(b"\xff\xfe\tx\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_pairs(tmp_path / "ron-eng.tsv")
    with pytest.raises(DataError, match="cannot be read"):
        read_labelled(tmp_path / "nothing.tsv")
