import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.claims import Source, extract_claims
from rag.answering.numerals import localise_numbers
from retriever.types import Passage


def passage(text: str, language: str = "en") -> Passage:
    return Passage("d1", "d1", "", text, None, 0, len(text), language)


DANUBE = passage("The Danube is 2,850 kilometres long; Everest is 8,848.86 metres high; version 1,234.5.6.")


@pytest.mark.parametrize(
    ("language", "answer", "written"),
    [
        ("da", "Donau er 2,850 kilometer lang. [1]", "Donau er 2.850 kilometer lang. [1]"),
        ("de", "Die Donau ist 2,850 km lang.", "Die Donau ist 2.850 km lang."),
        ("ro", "Everestul are 8,848.86 metri.", "Everestul are 8.848,86 metri."),
        ("ru", "Длина Дуная 2,850 км.", "Длина Дуная 2\xa0850 км."),
        ("fr", "Le Danube mesure 2,850 km.", "Le Danube mesure 2\u202f850 km."),
        ("hi", "डेन्यूब 2,850 किलोमीटर लंबी है।", "डेन्यूब 2,850 किलोमीटर लंबी है।"),  # as in English
        ("ar", "طول نهر الدانوب 2,850 كيلومترا.", "طول نهر الدانوب 2,850 كيلومترا."),
        ("th", "แม่น้ำดานูบยาว 2,850 กิโลเมตร", "แม่น้ำดานูบยาว 2,850 กิโลเมตร"),
        ("zh", "多瑙河长2,850公里。", "多瑙河长2,850公里。"),
        ("de", "Die Donau ist 2.850 km lang.", "Die Donau ist 2.850 km lang."),  # so already
        ("de", "Es sind 2,85 km oder 3,850 km.", "Es sind 2,85 km oder 3,850 km."),  # not the source's
        ("de", "Fassung 1,234.5.6", "Fassung 1,234.5.6"),  # no number
        ("fa", "2,850", "2,850"),
        ("und", "2,850", "2,850"),
        ("xx", "2,850", "2,850"),
    ],
)
def test_a_sources_number_is_written_as_the_answers_language_writes_it(language, answer, written):
    assert localise_numbers(answer, language, [DANUBE]) == written


def test_sources_in_other_languages():
    german = passage("Die Donau ist 2.850 Kilometer lang.", "de")
    assert (
        localise_numbers("The Danube is 2.850 kilometres long.", "en", [german])
        == "The Danube is 2,850 kilometres long."
    )
    assert localise_numbers("Dunărea are 2.850 km.", "ro", [german, DANUBE]) == "Dunărea are 2.850 km."
    assert localise_numbers("2,850", "da", []) == "2,850"


@given(st.integers(1000, 10**9), st.sampled_from(["da", "de", "ro", "ru", "fr", "vi", "pl", "th", "hi"]))
def test_the_source_still_holds_what_is_written(number, language):
    source = passage(f"It is {number:,} metres.")
    text = localise_numbers(f"{number:,} m", language, [source])
    held = Source.read(source.text, "en")
    assert all(held.holds(claim) for claim in extract_claims(text, language))
