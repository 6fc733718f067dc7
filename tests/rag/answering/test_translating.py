import pytest

from rag.answering.translating import translate

TEXT = "The Panama Canal was opened on 15 August 1914. It is 82 kilometres long."
IN_ROMANIAN = "Canalul Panama a fost deschis la 15 august 1914. Are o lungime de 82 de kilometri."


def test_a_translation_holds_the_numbers_and_months(scripted):
    engine = scripted(IN_ROMANIAN)
    assert translate(engine, TEXT, "ro") == IN_ROMANIAN
    ((_, user),) = engine.asked
    assert user["content"].endswith(TEXT)


@pytest.mark.parametrize(
    "useless",
    [
        TEXT,
        "Canalul Panama a fost deschis la 15 august 1915. Are o lungime de 82 de kilometri.",
        "Canalul Panama a fost deschis la 15 iunie 1914. Are o lungime de 82 de kilometri.",
        "Canalul Panama a fost deschis la 15 august 1914.",
        "",
        "1914 august 15 82 canalul este " * 20,
    ],
)
def test_one_that_cannot_be_trusted_is_none(scripted, useless):
    assert translate(scripted(useless), TEXT, "ro") is None


def test_a_loop_is_cut_off(scripted):
    engine = scripted("1914 august 15 82 canalul este " * 20, IN_ROMANIAN)
    assert translate(engine, TEXT, "ro") is None
    assert engine.closed_early == 1
    assert translate(engine, TEXT, "ro") == IN_ROMANIAN
    assert engine.closed_early == 1


def test_digits_of_the_language_are_the_same_numbers(scripted):
    arabic = "افتتحت قناة بنما في ١٥ أغسطس ١٩١٤. ويبلغ طولها ٨٢ كيلومترا."
    assert translate(scripted(arabic), TEXT, "ar") == arabic
