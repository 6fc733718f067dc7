"""Scores of answers, by values worked out on paper."""

import doctest

import pytest

from benchmarks import answers, typed
from benchmarks.answers import Score, recall3, summarise, token_f1
from retriever.data.squad import Question


def test_the_examples_in_the_docstrings_are_right():
    assert doctest.testmod(answers).failed == 0
    assert doctest.testmod(typed).failed == 0


def test_recall_and_f1():
    assert recall3("abcd", "abcd") == 1
    assert recall3("abc", "abcd") == 0.5  # abc, not bcd
    assert token_f1("the red house", "red house") == pytest.approx(0.8)  # precision 2/3, recall 1
    assert token_f1("กข", "กค") == 0.5  # letter by letter


def test_a_language_has_one_row():
    def question(language):
        return Question("q", language, "?", "article", "p", ("gold",))

    results = [
        (question("ro"), Score(1.0, 0.5, abstained=False, detected="ro", citations_right=(True, False))),
        (question("ro"), Score(0.0, 0.0, abstained=True, detected=None, citations_right=())),
        (question("ro"), None),
        (question("de"), Score(0.0, 0.0, abstained=False, detected="en", citations_right=())),
    ]
    assert summarise(results, "ro") == ["ro", 2, 0.5, 1.0, 0.25, "1.000 of 1", 0.5, 0.5, 1]
