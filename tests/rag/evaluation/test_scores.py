"""Scores of answers, worked out by hand in every language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.scores import bag_f1, cut_answer, normalized_terms, score_answer, set_f1
from retriever.temporal import arithmetic
from retriever.types import Month

MONTHS = {  # each language's ways to say May 1747
    "en": ["May 1747", "may, 1747.", "5/1747"],
    "ro": ["mai 1747", "Mai, 1747", "05.1747", "May, 1747"],
    "de": ["Mai 1747", "im Mai, 1747", "05/1747"],
    "fr": ["mai 1747", "Mai,1747", "5-1747"],
    "es": ["mayo de 1747", "mayo, 1747"],
    "it": ["maggio 1747", "Maggio, 1747"],
    "pt": ["maio de 1747", "maio, 1747"],
    "ru": ["мая 1747", "май 1747"],
    "hi": ["मई 1747", "मई, १७४७"],
    "ar": ["مايو 1747", "مايو، ١٧٤٧"],
    "th": ["พฤษภาคม 1747", "พฤษภาคม ๑๗๔๗"],
    "vi": ["tháng 5 1747", "Tháng 5, 1747"],
    "zh": ["1747年5月", "1747 年 5 月"],
    "sw": ["Mei 1747", "mei, 1747"],
}


@pytest.mark.parametrize("language", MONTHS)
def test_a_month_by_any_name_and_digits(language):
    gold_answers = [arithmetic.format_month(Month(1747, 5), language)]
    for text in MONTHS[language]:
        result = score_answer(text, gold_answers, language, is_month=True)
        assert result.f1 >= (1 if text not in ("im Mai, 1747", "mayo de 1747", "maio de 1747") else 0.8), (
            text,
            normalized_terms(text, language),
        )
    assert (
        score_answer(arithmetic.format_month(Month(1748, 6), language), gold_answers, language, is_month=True).exact
        == 0
    )


def test_f1_by_hand():
    # three of four tokens common, of five right ones: P 3/4, R 3/5, F1 2/3
    assert set_f1("a b c x".split(), "a b c d e".split()) == pytest.approx(2 / 3)
    # "a a" against "a b": one token in both, P 1/2, R 1/2, either way; "a a" against itself: 1/2 and 1
    assert set_f1(["a", "a"], ["a", "b"]) == pytest.approx(0.5)
    assert set_f1(["a", "a"], ["a", "a"]) == pytest.approx(0.5)
    assert bag_f1(["a", "a"], ["a", "b"]) == pytest.approx(0.5)
    assert bag_f1(["a", "a"], ["a", "a"]) == 1.0
    assert set_f1([], ["a"]) == bag_f1([], ["a"]) == 0.0


def test_articles_case_and_punctuation_do_not_count():
    assert score_answer("the House of Commons!", ["House of commons"], "en").exact == 1
    assert score_answer("Die Bundesbank", ["Bundesbank"], "de").exact == 1
    assert score_answer("le Figaro.", ["Figaro"], "fr").exact == 1
    assert score_answer("Die Bundesbank", ["Bundesbank"], "en").exact == 0  # no article there


def test_several_right_answers_each_alone_or_all_together():
    gold_answers = ["Leeds United", "Barnsley"]
    one = score_answer("Barnsley", gold_answers, "en")
    # "leeds united and barnsley": P 1, R 1/4, F1 2/5
    assert one.f1 == one.squad_f1 == pytest.approx(0.4)
    assert (one.exact, one.best_f1, one.best_exact) == (0, 1, 1)
    both = score_answer("Leeds United and Barnsley", gold_answers, "en")
    assert (both.f1, both.squad_f1, both.exact) == (1, 1, 1)
    # without "and" in the gold: P 3/4, R 1, F1 6/7
    assert both.best_f1 == pytest.approx(6 / 7)
    assert score_answer("Leeds United und Barnsley", gold_answers, "de").exact == 1
    nothing = score_answer("Chelsea", gold_answers, "en")
    assert (nothing.f1, nothing.best_f1) == (0, 0)


def test_the_order_of_month_and_year_does_not_count_but_that_of_a_name_does():
    assert score_answer("1747 May", ["May, 1747"], "en", is_month=True).exact == 1
    assert score_answer("United Leeds", ["Leeds United"], "en").exact == 0
    assert score_answer("United Leeds", ["Leeds United"], "en").f1 == 1


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Mai 1747\nFrage: Und dann?", "de", "Mai 1747"),
        ("Leeds United, because he moved there", "en", "Leeds United, "),
        ("Leeds United weil er dorthin ging", "de", "Leeds United "),
        ("1747年5月，因为加上四年", "zh", "1747年5月，"),
        ("लीड्स क्योंकि वह वहाँ गए", "hi", "लीड्स "),
        ("", "ar", ""),
    ],
)
def test_what_comes_after_the_answer_is_cut(text, language, expected):
    assert cut_answer(text, language) == expected


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(sorted(MONTHS)))
def test_scores_are_within_bounds_and_an_answer_matches_itself(one, other, language):
    result = score_answer(one, [other], language)
    assert 0 <= result.f1 <= 1
    assert 0 <= result.squad_f1 <= 1
    same = score_answer(one, [one], language)
    assert same.exact == same.best_exact == 1
    assert same.f1 == same.best_f1
    assert same.squad_f1 in (0.0, 1.0)  # 0 if nothing but punctuation
