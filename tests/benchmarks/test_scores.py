"""Scores of answers, by values worked out on paper."""

import doctest

import pytest

from benchmarks import answer_scores, typed
from benchmarks.answer_data import AnswerQuestion
from benchmarks.answer_scores import recall3, token_f1
from benchmarks.answers import Score, summarise


def test_the_examples_in_the_docstrings_are_right():
    assert doctest.testmod(answer_scores).failed == 0
    assert doctest.testmod(typed).failed == 0


def test_recall_and_f1():
    assert recall3("abcd", "abcd") == 1
    assert recall3("abc", "abcd") == 0.5  # abc, not bcd
    assert token_f1("the red house", "red house") == pytest.approx(0.8)  # precision 2/3, recall 1
    assert token_f1("กข", "กค") == 0.5  # letter by letter


def test_numbers_and_word_borders_count():
    assert recall3("It has 39 rooms.", "39") == 1
    assert recall3("It has 390 rooms.", "39") == 0
    assert recall3("ab cd", "abcd") == 0  # never across words


def test_a_group_has_one_row():
    def question(language):
        return AnswerQuestion("q", language, language, "?", ("gold",), "p")

    def score(recall, f1, detected, citations, seconds):
        return Score(recall, f1, detected is None, detected, citations, seconds)

    results = [
        (question("ro"), score(1.0, 0.5, "ro", (True, False), 1.0)),
        (question("ro"), score(0.0, 0.0, None, (False,), 3.0)),
        (question("ro"), score(0.2, 0.0, "en", (True,), 2.0)),
        (question("ro"), None),
    ]
    row = summarise(results, "ro")
    assert row == ["ro", 3, pytest.approx(0.4), pytest.approx(2 / 3), 0.5, pytest.approx(1 / 6), "0.500 of 2",
                   pytest.approx(2 / 3), 1, 2.0]  # fmt: skip
