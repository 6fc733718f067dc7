"""The readers of AfriQA and SIB-200."""

import json

import pytest

from retriever.data.afriqa import AfriqaQuestion, read_afriqa
from retriever.data.sib200 import read_sib200
from retriever.errors import DataError

ROW = {"question_lang": "Kí  ni?", "question_translated": "What is it?", "title": "It", "context": "It is a thing."}


def test_afriqas_rows_without_a_text_are_left_out(tmp_path):
    file = tmp_path / "yor.train.jsonl"
    rows = [ROW, {**ROW, "question_translated": float("nan")}, {**ROW, "context": ""}, {"title": "It"}]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert read_afriqa(file) == [AfriqaQuestion("yo", "Kí ni?", "What is it?", "It", "It is a thing.")]


def test_afriqa_without_a_whole_row_is_an_error(tmp_path):
    file = tmp_path / "hau.dev.jsonl"
    file.write_text('{"title": "It"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"hau\.dev\.jsonl holds no question"):
        read_afriqa(file)


def test_sib200s_sentences_are_parallel_by_number(tmp_path):
    header = "index_id\tcategory\ttext\n"
    (tmp_path / "eng_Latn.dev.tsv").write_text(header + "7\ttravel\tThe ship sails.\n", encoding="utf-8")
    (tmp_path / "eng_Latn.train.tsv").write_text(header + "9\thealth\tRest  well.\n", encoding="utf-8")
    (tmp_path / "swh_Latn.dev.tsv").write_text(header + "7\ttravel\tMeli inasafiri.\n", encoding="utf-8")
    assert read_sib200(tmp_path) == {"en": {"7": "The ship sails.", "9": "Rest well."}, "sw": {"7": "Meli inasafiri."}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\ttext\n", "line 1: expected the columns"),
        ("index_id\tcategory\ttext\n7\tThe ship sails.\n", "line 2: 2 columns"),
    ],
)
def test_sib200s_faults_name_file_and_line(tmp_path, text, message):
    (tmp_path / "eng_Latn.dev.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_sib200(tmp_path)


def test_sib200_needs_english(tmp_path):
    with pytest.raises(DataError, match="no English file"):
        read_sib200(tmp_path)
