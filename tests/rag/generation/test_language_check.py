import pytest

from rag.generation.language_check import is_in_language


@pytest.mark.parametrize(
    ("text", "language", "right"),
    [
        ("Universitatea a fost fondată în anul 1581.", "ro", True),
        ("The university was founded in the year 1581.", "ro", False),
        ("विश्वविद्यालय की स्थापना 1581 में Stephen Báthory ने की।", "hi", True),
        ("The university was founded by Stephen Báthory.", "hi", False),
        ("1581 [1]", "th", True),
        ("Peyton Manning a jucat la Super Bowl 50 la 39 ani.", "ro", True),
        ("El mánager general de los Broncos es John Elway.", "es", True),
        ("Denver Broncos", "th", True),
        ("ก่อตั้งเมื่อปี 1581 โดยเจ้าชาย", "th", True),
        ("大学成立于一五八一年。", "zh", True),
        ("大学は1581年に設立されました。", "ja", True),
        ("تأسست الجامعة في عام 1581.", "ar", True),
        ("Die Universität wurde 1581 gegründet.", "en", False),
    ],
)
def test_language_check(text, language, right):
    assert is_in_language(text, language) is right


@pytest.mark.parametrize("text", ["", "1581 [1]", "Stephen Báthory"])
@pytest.mark.parametrize("language", ["ro", "hi", "und"])
def test_a_text_without_words_of_its_own_passes(text, language):
    assert is_in_language(text, language)


def test_languages_that_detection_confuses_count_as_one():
    indonesian = "Universitas itu didirikan pada tahun 1088 oleh para mahasiswa di kota itu."
    assert is_in_language(indonesian, "id")
    assert is_in_language(indonesian, "ms")
    assert not is_in_language(indonesian, "ro")
