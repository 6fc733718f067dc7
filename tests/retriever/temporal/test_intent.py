"""A date and a span: is the date asked for, or a fact of that time?"""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from rag.answering.time_mode import calendar_answer
from retriever.data.squad import read_squad
from retriever.languages.detection import detect_language
from retriever.temporal.arithmetic import MonthShift, languages
from retriever.temporal.intent import (
    AFTER,
    ASKS_FOR_DATE,
    ASKS_FOR_FACT,
    BEFORE,
    MAX_CHARACTERS,
    MIN_DIRECTION_MARGIN,
    MIN_MARGIN,
    read_shift,
)
from retriever.temporal.parsing import find_shift
from retriever.types import Month

WORDINGS = tomllib.loads(
    Path(__file__).parents[3].joinpath("benchmarks", "calendar_wordings.toml").read_text(encoding="utf-8")
)
DATES = [
    ("en", "Tell me the date that falls 3 years and 2 months after May 1990."),
    ("en", "Which month do we reach 14 months before March 2001?"),
    ("en", "May 1990, 3 years and 2 months after: when is that?"),
    ("de", "Welches Datum liegt 3 Jahre und 2 Monate nach Mai 1990?"),
    ("de", "In welchem Monat sind wir 14 Monate vor März 2001?"),
    ("de", "Sag mir, welcher Monat 3 Jahre nach Mai 1990 kommt."),
    ("es", "Dime qué fecha cae 3 años y 2 meses después de mayo de 1990."),
    ("es", "¿En qué mes estamos 14 meses antes de marzo de 2001?"),
    ("fr", "Dis-moi la date qui tombe 3 ans et 2 mois après mai 1990."),
    ("it", "Dimmi quale data cade 3 anni e 2 mesi dopo maggio 1990."),
    ("it", "In che mese siamo 14 mesi prima di marzo 2001?"),
    ("pt", "Diga-me que data cai 3 anos e 2 meses depois de maio de 1990."),
    ("pt", "Em que mês estamos 14 meses antes de março de 2001?"),
    ("ro", "Spune-mi ce dată cade la 3 ani și 2 luni după mai 1990."),
    ("ro", "În ce lună suntem cu 14 luni înainte de martie 2001?"),
    ("ru", "Скажи, какая дата наступит через 3 года и 2 месяца после мая 1990 года."),
    ("ru", "Какой месяц был за 14 месяцев до марта 2001 года?"),
    ("hi", "बताओ मई 1990 के 3 साल और 2 महीने बाद कौन सी तारीख आती है।"),
    ("hi", "मार्च 2001 से 14 महीने पहले कौन सा महीना था?"),
    ("sw", "Niambie tarehe gani inafika miaka 3 baada ya Mei 1990."),
    ("sw", "Ni mwezi upi miezi 14 kabla ya Machi 2001?"),
    ("th", "บอกหน่อยว่า 3 ปี 2 เดือนหลังจากพฤษภาคม 1990 ตรงกับวันที่ใด"),
    ("th", "14 เดือนก่อนมีนาคม 2001 คือเดือนอะไร"),
    ("vi", "Cho tôi biết ngày nào là 3 năm 2 tháng sau tháng 5 năm 1990."),
    ("vi", "14 tháng trước tháng 3 năm 2001 là tháng nào?"),
    ("zh", "告诉我1990年5月之后3年2个月是哪一天。"),
    ("zh", "2001年3月之前14个月是几月？"),
]
FACTS = [
    ("en", "Who ruled Spain 3 years and 2 months after May 1990?"),
    ("en", "What did the firm sell 3 years after May 1990?"),
    ("de", "Wer regierte Spanien 3 Jahre nach Mai 1990?"),
    ("de", "Was kostete Brot 2 Jahre nach Mai 1990?"),
    ("es", "¿Quién gobernaba España 3 años después de mayo de 1990?"),
    ("es", "¿Qué vendía la empresa 3 años después de mayo de 1990?"),
    ("fr", "Qui gouvernait l'Espagne 3 ans après mai 1990 ?"),
    ("fr", "Où vivait-il 2 ans après mai 1990 ?"),
    ("it", "Chi governava la Spagna 3 anni dopo maggio 1990?"),
    ("it", "Dove viveva 2 anni dopo maggio 1990?"),
    ("pt", "Quem governava a Espanha 3 anos depois de maio de 1990?"),
    ("pt", "Onde vivia ele 2 anos depois de maio de 1990?"),
    ("ro", "Cine conducea Spania la 3 ani după mai 1990?"),
    ("ro", "Unde locuia el la 2 ani după mai 1990?"),
    ("ru", "Кто правил Испанией через 3 года после мая 1990 года?"),
    ("ru", "Где он жил через 2 года после мая 1990 года?"),
    ("hi", "मई 1990 के 3 साल बाद स्पेन पर किसका शासन था?"),
    ("hi", "मई 1990 के 2 साल बाद वह कहाँ रहता था?"),
    ("ar", "من حكم إسبانيا بعد 3 سنوات من مايو 1990؟"),
    ("ar", "أين كان يعيش بعد 3 سنوات من مايو 1990؟"),
    ("sw", "Nani alitawala Hispania miaka 3 baada ya Mei 1990?"),
    ("sw", "Aliishi wapi miaka 2 baada ya Mei 1990?"),
    ("th", "ใครปกครองสเปน 3 ปีหลังจากพฤษภาคม 1990"),
    ("th", "เขาอาศัยอยู่ที่ไหน 2 ปีหลังจากพฤษภาคม 1990"),
    ("vi", "Ai cai trị Tây Ban Nha 3 năm sau tháng 5 năm 1990?"),
    ("vi", "Anh ấy sống ở đâu 2 năm sau tháng 5 năm 1990?"),
    ("zh", "1990年5月之后3年谁统治西班牙？"),
    ("zh", "1990年5月之后2年他住在哪里？"),
    ("en", "When must I renew a residence permit issued in May 2020 for 5 years?"),
    ("en", "When does the warranty end if I bought it in May 2020 and it lasts 3 years?"),
    ("en", "How old will I be 3 years after May 2000?"),
    ("en", "What is the weather like 3 months after May 2020?"),
    ("de", "Wann läuft mein Ausweis ab, wenn er im Mai 2020 für 10 Jahre ausgestellt wurde?"),
    ("de", "Welche Frist gilt 6 Monate nach März 2024?"),
    ("el", "Πότε λήγει η άδεια που εκδόθηκε τον Μάιο του 2020 για 5 χρόνια;"),
    ("pl", "Kiedy wygasa paszport wydany w maju 2020 na 10 lat?"),
    ("tr", "Mayıs 2020'de 5 yıl için verilen oturma izni ne zaman biter?"),
    ("ja", "2020年5月に発行された5年間の許可証はいつ期限切れになりますか？"),
    ("he", "מתי פג תוקפו של אישור שניתן במאי 2020 ל-5 שנים?"),
]
BOTH_DIRECTIONS = [
    ("de", "Rechne nach: welcher Monat war 3 Jahre vor Mai 1990?"),
    ("fr", "Quel mois était 3 ans avant mai 1990, d'après le calendrier ?"),
]


class Fixed:
    """An encoder for which the asked words are so near to the texts of each group."""

    def __init__(self, date, fact, after=0.5, before=0.5):
        self.cosines = [date] * len(ASKS_FOR_DATE) + [fact] * len(ASKS_FOR_FACT)
        self.cosines += [after] * len(AFTER) + [before] * len(BEFORE)
        self.asked = []

    def encode_queries(self, texts):
        self.asked = texts
        return np.array([[cosine, (1 - cosine**2) ** 0.5] for cosine in [1.0, *self.cosines]], dtype=np.float32)


GERMAN, POLISH = "Sag, 3 Jahre und 2 Monate nach Mai 1990?", "Powiedz, 3 lata i 2 miesiące po maju 1990?"
SHIFT = MonthShift(Month(1990, 5), 38, after=True)


def test_the_nearer_kind_of_question_wins_by_a_margin():
    assert read_shift(GERMAN, "de", Fixed(0.9, 0.8)) == SHIFT
    assert read_shift(GERMAN, "de", Fixed(0.8, 0.9)) is None
    assert read_shift(GERMAN, "de", Fixed(0.9, 0.9 - MIN_MARGIN / 2)) is None


def test_the_direction_is_the_encoders_where_there_are_no_words_for_it():
    before = MonthShift(Month(1990, 5), 38, after=False)
    assert read_shift(POLISH, "pl", Fixed(0.9, 0.8, after=0.9, before=0.8)) == SHIFT
    assert read_shift(POLISH, "pl", Fixed(0.9, 0.8, after=0.8, before=0.9)) == before
    assert read_shift(POLISH, "pl", Fixed(0.9, 0.8, after=0.8, before=0.8 + MIN_DIRECTION_MARGIN / 2)) is None
    assert read_shift(GERMAN, "de", Fixed(0.9, 0.8, after=0.8, before=0.9)) == SHIFT


def test_only_the_other_words_are_compared():
    encoder = Fixed(0.9, 0.8)
    read_shift(GERMAN, "de", encoder)
    assert encoder.asked[0] == "sag und"


def test_a_question_of_many_other_words_asks_for_something_else():
    assert read_shift(GERMAN + " x" * MAX_CHARACTERS, "de", Fixed(0.9, 0.8)) is None


def test_a_span_in_words_that_are_not_known_is_no_shift():
    assert find_shift("Which month is 3 fortnights and 2 months after May 1990?", "en") is None


def test_there_are_wordings_in_forty_languages_and_ten_where_there_are_templates():
    assert len(WORDINGS) >= 60
    assert all(len(WORDINGS[language]) >= 10 for language in languages())


@pytest.mark.slow
@pytest.mark.parametrize("language", WORDINGS)
def test_wordings_in_many_languages_are_calculated(encoder, language):
    rows = WORDINGS[language].items()
    months = [(shift.result if (shift := read_shift(question, language, encoder)) else None) for question, _ in rows]
    right = [Month(*map(int, month.split("-"))) for _, month in rows]
    pairs = list(zip(months, right, strict=True))
    assert all(month in (None, gold) for month, gold in pairs)
    assert sum(month == gold for month, gold in pairs) >= (10 if language in languages() else 1)


@pytest.mark.slow
@pytest.mark.parametrize(("language", "question"), DATES)
def test_any_wording_that_asks_for_the_date_is_calculated(encoder, language, question):
    assert calendar_answer(question, language, "en", encoder)


@pytest.mark.slow
@pytest.mark.parametrize(("language", "question"), [*FACTS, *BOTH_DIRECTIONS])
def test_a_fact_or_two_directions_need_the_documents(encoder, language, question):
    assert find_shift(question, language)
    assert calendar_answer(question, language, "en", encoder) is None


@pytest.mark.slow
def test_no_other_question_is_taken_for_arithmetic(encoder, data):
    questions = [(row.text, code) for code, rows in read_squad(data / "xquad").questions.items() for row in rows]
    for path in sorted((data / "mgsm").rglob("*.tsv")):
        lines = path.read_text(encoding="utf-8").splitlines()
        questions += [(line.split("\t")[0], detect_language(line)) for line in lines]
    assert len(questions) > 2000
    assert not [text for text, language in questions if calendar_answer(text, language, "en", encoder)]
