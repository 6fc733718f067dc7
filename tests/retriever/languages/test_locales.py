import pytest

from retriever.languages.locales import english_name, locale_of, native_name


def test_names():
    assert (english_name("ro"), native_name("ro")) == ("Romanian", "română")
    assert english_name("hi-Latn").startswith("Hinglish")
    assert english_name("xx-nonsense") == "xx-nonsense"


@pytest.mark.parametrize(
    ("language", "english", "native"),
    [
        ("de", "German", "Deutsch"),
        ("hi", "Hindi", "हिन्दी"),
        ("zh", "Chinese", "中文"),
        ("ar", "Arabic", "العربية"),
        ("hi-Latn", "Hinglish (romanised Hindi)", "Hinglish"),
        ("", "", ""),
    ],
)
def test_names_of_languages(language, english, native):
    assert (english_name(language), native_name(language)) == (english, native)


@pytest.mark.parametrize(("language", "code"), [("ro", "ro"), ("hi-Latn", "hi_Latn"), ("zh-Hant", "zh_Hant")])
def test_locales(language, code):
    assert str(locale_of(language)) == code


@pytest.mark.parametrize("language", ["", "xx-nonsense", "not a code"])
def test_codes_without_a_locale(language):
    assert locale_of(language) is None
