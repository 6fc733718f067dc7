import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.temporal.arithmetic import languages, phrases
from retriever.temporal.timing import nonexistent_date, read_timing
from retriever.types import Month, Period, Timing

TODAY = Month(2026, 11)


@pytest.mark.parametrize(
    ("language", "question", "periods"),
    [
        ("en", "Which team did she play for before May 1998?", "0001-01/1998-04"),
        ("en", "Who has been king since 1990?", "1990-01/9999-12"),
        ("ro", "Cine era prim-ministru în mai 1998?", "1998-05/1998-05"),
        ("de", "Wer war Kanzler vor 1998?", "0001-01/1997-12"),
        ("hi", "1998 से पहले प्रधानमंत्री कौन था?", "0001-01/1997-12"),
        ("ar", "من كان رئيس الوزراء قبل عام 1998؟", "0001-01/1997-12"),
        ("th", "ใครเป็นนายกรัฐมนตรีหลังปี 2541", "1999-01/9999-12"),
        ("zh", "1998年之前谁是总理？", "0001-01/1997-12"),
        ("ro", "Cine este acum primar?", "2026-11/2026-11"),
        ("zh", "谁现在是总理？", "2026-11/2026-11"),
        ("pl", "Kto był premierem w styczniu 1998?", "1998-01/1998-01"),
        ("en", "How high is the tower?", ""),
    ],
)
def test_the_time_a_question_asks_for(language, question, periods):
    assert " ".join(map(str, read_timing(question, language, TODAY).periods)) == periods


@pytest.mark.parametrize("language", languages())
def test_words_of_time_in_every_language(language):
    texts = phrases(language)
    for word in texts.when:
        assert read_timing(f"… {word} …", language, TODAY).when, word
    for word in texts.now:
        assert read_timing(f"… {word} …", language, TODAY) == Timing((Period(TODAY, TODAY),), now=True), word
    assert not read_timing("…", language, TODAY)


def test_a_text_matches_by_a_month_in_common():
    timing = Timing((Period(Month(1998, 5), Month(1998, 5)),))
    assert timing.matches((Period(Month(1990, 1), Month(1998, 5)),))
    assert not timing.matches((Period(Month(1998, 6), Month(1999, 1)),))
    assert not timing.matches(())


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "What happened on 31 February 2020?"),
        ("en", "What happened on February 30?"),
        ("ro", "Ce s-a întâmplat pe 31 februarie 2020?"),
        ("de", "Was geschah am 30. Februar?"),
        ("de", "Was geschah am 31.02.2020?"),
        ("fr", "Que s’est-il passé le 31 avril ?"),
        ("es", "¿Qué pasó el 30 de febrero de 2021?"),
        ("pt", "O que houve em 31 de abril?"),
        ("it", "Cosa accadde il 31 aprile 1999?"),
        ("ru", "Что было 31 февраля?"),
        ("hi", "31 फ़रवरी को क्या हुआ?"),
        ("ar", "ماذا حدث في ٣١ فبراير؟"),
        ("th", "เกิดอะไรขึ้นวันที่ 31 กุมภาพันธ์"),
        ("vi", "Điều gì xảy ra ngày 31 tháng 2 năm 2020?"),
        ("zh", "2021年2月29日发生了什么？"),
        ("sw", "Nini kilitokea tarehe 31 Februari?"),
        ("en", "What happened on 32 December?"),
        ("th", "เกิดอะไรขึ้นวันที่ 29 กุมภาพันธ์ 2566"),
    ],
)
def test_days_that_do_not_exist(language, question):
    assert nonexistent_date(question, language, language) == phrases(language).no_date
    assert nonexistent_date(question, language, "en") == "There is no such date."


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "Who ruled in the year 0?"),
        ("fr", "Qui régnait en l'an 0 ?"),
        ("zh", "公元0年谁在位？"),
        ("ro", "Cine domnea în anul 0?"),
    ],
)
def test_the_year_0(language, question):
    assert nonexistent_date(question, language, language) == phrases(language).impossible


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "What happened on 29 February 2020?"),
        ("en", "Who won Super Bowl 50?"),
        ("en", "How many people live at 0 metres?"),
        ("en", "Is it 0 years and 3 months?"),
        ("fr", "Que s’est-il passé en mai 68 ?"),
        ("en", "Which of the 50 may apply?"),
        ("ro", "Care sunt cele 50 mai mari orașe?"),
        ("th", "เกิดอะไรขึ้นวันที่ 29 กุมภาพันธ์ 2567"),
        ("de", "Was geschah am 2020-12-31?"),
        ("pl", "Co było 31 lutego?"),  # no phrase file: search answers
    ],
)
def test_other_questions_are_not_refused(language, question):
    assert nonexistent_date(question, language, "en") is None


@given(st.sampled_from(languages()), st.dates())
def test_no_day_of_the_calendar_is_refused(language, day):
    assert nonexistent_date(f"{day.isoformat()} {day.day}.{day.month}.{day.year:04}", language, language) is None
