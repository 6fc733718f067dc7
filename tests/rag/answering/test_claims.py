import pytest

from rag.answering.claims import Source, extract_claims
from rag.generation.citation_marks import strip_citation_marks

PASSAGE = (
    "The University was founded on March 14, 1879 by Stephen Báthory in the 19th century. "
    "It has 286,598 students, 2.5 million books and thirteen buildings in Warsaw."
)
HELD = [
    ("ro", "Fondată la 14 martie 1879 de Ștefan Báthory, în secolul al XIX-lea, are 286.598 de studenți la Varșovia."),
    ("ro", "Are treisprezece clădiri."),
    ("de", "Sie wurde am 14. März 1879 gegründet und hat 2,5 Millionen Bücher."),
    ("fr", "Elle a 286 598 étudiants".replace(" 598", "\u202f598")),
    ("hi", "इसकी स्थापना १४ मार्च १८७९ में हुई और इसमें २,८६,५९८ छात्र हैं।"),
    ("hi", "इसमें 25 लाख किताबें हैं।"),
    ("ar", "تأسست في ١٤ مارس ١٨٧٩ على يد Stephen Báthory."),
    ("fa", "در ۱۴ مارس ۱۸۷۹ تأسیس شد."),
    ("th", "ก่อตั้งเมื่อ 14 มีนาคม พ.ศ. 2422"),
    ("zh", "成立于1879年3月14日，有250万册书。"),
    ("ja", "1879年3月14日に設立された。"),
    ("ru", "Основан 14 марта 1879 года Стефаном Баторием."),
]
INVENTED = [
    ("ro", "Fondată în 1581.", "1581"),
    ("de", "Sie wurde am 14. April 1879 gegründet.", "april"),
    ("hi", "इसमें ६७०,००० छात्र हैं।", "670,000"),
    ("ar", "تأسست في ١٤ يونيو ١٨٧٩.", "يونيو"),
    ("th", "ก่อตั้งเมื่อ พ.ศ. 2567", "2567"),
    ("zh", "成立于1879年5月14日。", "5月"),
    ("ro", "A fost fondată de Napoleon Bonaparte.", "Napoleon"),
    ("ro", "Are șaptesprezece clădiri.", "șaptesprezece"),
    ("tr", "İspanya", "İspanya"),
]


@pytest.mark.parametrize(("language", "answer"), HELD)
def test_other_spellings_are_not_invented(language, answer):
    source = Source.read(PASSAGE, "en")
    claims = extract_claims(answer, language)
    assert claims
    assert [claim.surface for claim in claims if not source.holds(claim)] == []


@pytest.mark.parametrize(("language", "answer", "invented"), INVENTED)
def test_inventions_are_seen(language, answer, invented):
    source = Source.read(PASSAGE, "en")
    doubts = [claim.surface for claim in extract_claims(answer, language) if not source.holds(claim)]
    assert invented in doubts


def test_a_translated_name_counts_by_meaning():
    source = Source.read("Ships sail down the Danube to the sea.", "en")
    (claim,) = extract_claims("Navele merg pe Dunărea.", "ro")
    assert not source.holds(claim)
    assert source.holds(claim, lambda left, right: 0.95)
    assert not source.holds(claim, lambda left, right: 0.80)


@pytest.mark.parametrize("text", ["", "…", "नमस्ते", "[1]", "Yes, it is so."])
def test_nothing_to_check(text):
    assert extract_claims(strip_citation_marks(text), "en") == []  # marks are stripped before claims are read


def test_articles_and_german_nouns_are_no_claims():
    assert extract_claims("Der Turm ist ein Wahrzeichen der Stadt.", "de") == []
    assert extract_claims("Este un oraș mare și are o universitate.", "ro") == []
