"""The readers of STS, XCOPA and MGSM."""

import json

import pytest

from retriever.data.mgsm import Sum, read_mgsm
from retriever.data.sts import SimilarPair, read_sts2017, read_stsb
from retriever.data.xcopa import CausalQuestion, read_xcopa
from retriever.errors import DataError

QUESTION = {"premise": "It  rained.", "choice1": "a", "choice2": "b", "question": "effect", "label": 1, "idx": 7}


def test_stsb_has_sentences_with_commas(tmp_path):
    file = tmp_path / "stsb-es-dev.csv"
    file.write_text('"Un hombre, solo.",Un hombre.,4.75\n', encoding="utf-8")
    assert read_stsb(file) == [SimilarPair("Un hombre, solo.", "Un hombre.", 4.75)]


def test_a_track_of_sts_2017_has_its_scores_beside_it(tmp_path):
    (tmp_path / "STS.input.track2.ar-en.txt").write_text("two men\tرجلان\n", encoding="utf-8")
    (tmp_path / "STS.gs.track2.ar-en.txt").write_text("1.400000\n", encoding="utf-8")
    assert read_sts2017(tmp_path, "track2.ar-en") == [SimilarPair("two men", "رجلان", 1.4)]
    (tmp_path / "STS.gs.track2.ar-en.txt").write_text("1.4\n2.0\n", encoding="utf-8")
    with pytest.raises(DataError, match="1 rows for 2 scores"):
        read_sts2017(tmp_path, "track2.ar-en")


def test_xcopas_questions(tmp_path):
    file = tmp_path / "val.sw.jsonl"
    file.write_text(json.dumps(QUESTION), encoding="utf-8")
    assert read_xcopa(file) == [CausalQuestion("sw", "7", "It rained.", ("a", "b"), "effect", 1)]


def test_mgsms_sums_may_have_commas_in_their_answers(tmp_path):
    file = tmp_path / "mgsm_sw.tsv"
    file.write_text("Ngapi?\t18\nNgapi  sasa?\t1,234\n", encoding="utf-8")
    assert read_mgsm(file) == [Sum("sw", "1", "Ngapi?", 18), Sum("sw", "2", "Ngapi sasa?", 1234)]


@pytest.mark.parametrize(
    ("name", "text", "read", "message"),
    [
        ("stsb-es-dev.csv", "a,b\n", read_stsb, "a row of 2 columns"),
        ("stsb-es-dev.csv", "a,b,much\n", read_stsb, "'much' is no score"),
        ("val.sw.jsonl", json.dumps({**QUESTION, "question": "why"}), read_xcopa, "neither of a cause"),
        ("val.sw.jsonl", json.dumps({"question": "cause", "label": 0}), read_xcopa, "without 'premise'"),
        ("mgsm_sw.tsv", "Ngapi?\tmany\n", read_mgsm, "line 1: 'many' is no number"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, text, read, message):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)
