import pytest

from rag.answering.claims import Source
from rag.answering.countries import find_countries, uncovered_countries
from retriever.types import Passage


def passage(title: str, text: str, language: str = "en") -> tuple[Passage, Source]:
    read = Passage("d1", "d1", title, text, None, 0, len(text), language)
    return read, Source.read(read.embedded_text, language)


BRASILIA = passage("Brasília", "Brasília has been the capital of Brazil since 21 April 1960.")
NILE = passage("Nile", "The Nile flows through Sudan and Egypt.")
TOWN_HALL = passage("Library card", "A lost card is replaced at the desk for 5 euros.")


@pytest.mark.parametrize(
    ("language", "text", "codes"),
    [
        ("en", "What is the capital of Egypt?", {"EG"}),
        ("en", "Which famous Indian lived in South Africa?", {"ZA"}),
        ("en", "Is Nigeria larger than Niger?", {"NG", "NE"}),
        ("ro", "Care este capitala Egiptului și a Indiei?", {"EG", "IN"}),
        ("ro", "Cine a fost un scriitor francez?", set()),
        ("de", "Was ist Ägyptens Hauptstadt?", {"EG"}),
        ("de", "Welches Schweißverfahren nutzten Indianer?", set()),
        ("ru", "Какая столица Индии?", {"IN"}),
        ("hi", "मिस्र की राजधानी क्या है?", {"EG"}),
        ("hi", "प्राचीन राजधानी क्या है?", set()),
        ("bn", "মিশরের রাজধানী কী?", {"EG"}),
        ("ar", "ما هي عاصمة البرازيل ومصر؟", {"BR", "EG"}),
        ("th", "เมืองหลวงของอียิปต์คืออะไร", {"EG"}),
        ("th", "การทดลองของลาวัวซิเอร์", set()),
        ("zh", "埃及的首都是哪里？", {"EG"}),
        ("ja", "エジプトの首都はどこですか", {"EG"}),
        ("ko", "이집트의 수도는?", {"EG"}),
        ("hi-Latn", "Egypt ki capital kya hai?", {"EG"}),
        ("xx", "Egypt", set()),
        ("", "Egypt", set()),
    ],
)
def test_countries_are_found_in_every_script_and_case(language, text, codes):
    assert set(find_countries(text, language)) == codes


@pytest.mark.parametrize(
    ("language", "question", "named"),
    [
        ("bn", "মিশরের রাজধানী কী?", ["মিশরের"]),
        ("zh", "埃及的首都是哪里？", ["埃及"]),
        ("ar", "ما هي عاصمة مصر؟", ["مصر"]),
    ],
)
def test_a_passage_on_another_country_is_no_answer(language, question, named):
    assert uncovered_countries(question, language, [BRASILIA]) == named
    assert uncovered_countries(question, language, [BRASILIA, NILE]) == []


@pytest.mark.parametrize(
    ("question", "other"),
    [
        ("What is the capital of Austria?", "Canberra is the capital of Australia."),
        ("Who rules Austria?", "The Australian government met in Canberra, Australia."),
        ("What is the capital of Iran?", "Baghdad is the capital of Iraq."),
        ("What is the capital of Niger?", "Abuja is the capital of Nigeria."),
        ("What is the capital of Slovakia?", "Ljubljana is the capital of Slovenia."),
        ("What is the capital of Chad?", "Astana, the capital of Kazakhstan, has changed its name."),
        ("Who leads the United States?", "The useful crown is used by the king of Spain."),
    ],
)
def test_countries_whose_names_are_alike_are_kept_apart(question, other):
    assert uncovered_countries(question, "en", [passage("", other)])
    assert (
        uncovered_countries(question.replace("What is", "Is it"), "en", [passage("", other), passage("", question)])
        == []
    )


def test_adjectives_without_a_capital_count():
    greek = passage("Elena", "Un scriitor grec a vizitat Spania.", "ro")
    assert uncovered_countries("Wer schrieb in Griechenland?", "de", [greek]) == []


def test_a_passage_that_names_no_country_may_answer():
    assert uncovered_countries("How do I replace a lost card in Romania?", "en", [TOWN_HALL]) == []


def test_names_are_recognised_by_initials_and_adjectives():
    question = "Who leads the United Kingdom?"
    assert (
        uncovered_countries(
            question, "en", [passage("Visits", "The UK is led by its prime minister, who went to Spain.")]
        )
        == []
    )
    french = passage("Macron", "The French president went to Spain.")
    assert uncovered_countries("Cine conduce Franța?", "ro", [french]) == []
