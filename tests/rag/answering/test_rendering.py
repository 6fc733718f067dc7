import pytest

from prompts import languages
from rag.answering.reader import Judgement, Reading
from rag.answering.rendering import Rendering, quote, render
from retriever.types import Hit, Passage

TEXT = "The Panama Canal was opened on 15 August 1914 by the SS Ancon. It was built by ten thousand workers."
QUESTION = "Când a fost deschis Canalul Panama?"


def reading(words: str, text: str = TEXT, title: str = "Panama Canal") -> Reading:
    passage = Passage("1", "d", title, text, None, 0, len(text), "en")
    start = text.index(words)
    return Reading(Judgement(Hit(passage, 1.0, 0.9, None, "ro"), 2.0, None), start, start + len(words), (-0.1,))


def test_a_sentence_of_the_language_that_holds_the_words_is_taken(scripted, fake_encoder):
    engine = scripted("Canalul Panama a fost deschis la 15 august 1914.")
    rendering = render(engine, QUESTION, "ro", reading("15 August 1914"), fake_encoder)
    assert rendering.text == "Canalul Panama a fost deschis la 15 august 1914."
    assert not rendering.is_quote
    (messages,) = engine.asked
    assert "15 August 1914" in messages[1]["content"]
    assert "limba română" in messages[1]["content"]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("The canal was opened on 15 August 1914 by a ship.", "the language of the passage"),
        ("Canalul a fost deschis la 15 august 1915, după mult timp.", "another year"),
        ("Canalul a fost deschis la 15 septembrie 1914, după mult timp.", "another month"),
        ("Canalul a fost deschis în luna august de muncitori.", "no year"),
        ("Canalul a fost deschis la 15 august 1914 de regele Napoleon.", "a name of nobody"),
        ("Când a fost deschis Canalul Panama?", "the question"),
        ("Documentele nu conțin răspunsul la această întrebare.", "a refusal"),
        ("[1] …", "nothing"),
        ("The answer is: 15 August 1914", "what the prompt says"),
    ],
)
def test_else_a_date_is_written_as_the_language_writes_it(scripted, fake_encoder, written, why):
    rendering = render(scripted(written), QUESTION, "ro", reading("15 August 1914"), fake_encoder)
    assert rendering == Rendering("15 august 1914", is_quote=False), why


def test_else_the_words_are_quoted(scripted, fake_encoder):
    rendering = render(
        scripted("The canal was opened long ago by the SS Ancon."),
        "Ce navă l-a deschis?",
        "ro",
        reading("SS Ancon"),
        fake_encoder,
    )
    assert rendering == quote("SS Ancon", "ro")
    assert rendering.text == "În documente scrie: „SS Ancon”."
    rendering = render(scripted("Le 3 mai 1914."), "When?", "en", reading("15 August 1914"), fake_encoder)
    assert rendering == quote("15 August 1914", "en"), "words in the language itself stay as they are"


def test_a_phrase_that_the_model_left_untranslated_is_quoted(scripted, fake_encoder):
    words = "two related kinds of workers from the islands"
    text = f"The canal was built by {words}."
    written = f"Der Kanal wurde gebaut, und das waren {words}, die ihn gebaut haben."
    rendering = render(scripted(written), "Wer baute den Kanal?", "de", reading(words, text), fake_encoder)
    assert rendering == quote(words, "de")


@pytest.mark.parametrize("language", ["am", "ka", "si", "und"])
def test_a_language_whose_script_is_not_known_gets_an_answer_too(scripted, fake_encoder, language):
    assert "SS Ancon" in render(scripted("SS Ancon."), "?", language, reading("SS Ancon"), fake_encoder).text


@pytest.mark.parametrize(("language", "is_quote"), [("ur", True), ("th", True), ("zh", True), ("ro", False)])
def test_a_bare_name_is_quoted_where_it_is_in_another_script(scripted, fake_encoder, language, is_quote):
    rendering = render(scripted("SS Ancon"), "?", language, reading("SS Ancon"), fake_encoder)
    assert rendering.is_quote == is_quote


@pytest.mark.parametrize(
    ("language", "written", "is_quote"),
    [
        ("ru", "Канал открыл корабль SS Ancon.", False),
        ("ru", "Канал открыл корабль Анкон.", True),
        ("ar", "افتتحت القناة سفينة أAncon الكبيرة.", True),
        ("ro", "Canalul a fost deschis de nava Ancon.", False),
    ],
)
def test_a_latin_name_stays_as_it_is_in_other_scripts(scripted, fake_encoder, language, written, is_quote):
    rendering = render(scripted(written), "Who opened it?", language, reading("Ancon"), fake_encoder)
    assert rendering.is_quote == is_quote


@pytest.mark.parametrize(
    ("language", "written", "text"),
    [
        ("ar", "عمق البحيرة هو 1,642 كيلومتر.", "1,642 مترًا"),
        ("ar", "عمق البحيرة هو 1,642 متر.", "عمق البحيرة هو 1,642 متر."),
        ("de", "Der See ist 1.642 Kilometer tief.", "1.642 Meter"),
        ("de", "Der See ist 1.642 Meter tief.", "Der See ist 1.642 Meter tief."),
        ("hi", "झील 1,642 किलोमीटर गहरी है।", "1,642 मीटर"),
        ("zh", "这个湖深1,642公里。", "1,642米"),
    ],
)
def test_a_unit_of_its_own_is_never_the_models(scripted, fake_encoder, language, written, text):
    depth = reading("1,642 metres", text="The lake is 1,642 metres deep.", title="Lake")
    rendering = render(scripted(written), "How deep is the lake?", language, depth, fake_encoder)
    assert rendering.text == text


@pytest.mark.parametrize(
    ("better", "is_quote"), [(("Yes", "No"), False), (("Yes", "Yes"), True), (("No", "Yes"), True)]
)
def test_a_phrase_is_taken_if_the_model_finds_it_better_than_the_words(scripted, fake_encoder, better, is_quote):
    sentence = "A fost construit de multe mii de muncitori."
    engine = scripted(sentence, *better)
    phrase = reading("workers", text="It was built by many thousand workers.")
    rendering = render(engine, "Cine a construit canalul?", "ro", phrase, fake_encoder)
    assert rendering.is_quote == is_quote
    assert rendering.text == (quote(phrase.words, "ro").text if is_quote else sentence)


@pytest.mark.parametrize("language", [*languages("fixed"), "bo"])
def test_every_language_quotes(language):
    rendering = quote("15 August 1914", language)
    assert rendering.is_quote
    assert "15 August 1914" in rendering.text
    assert "$" not in rendering.text


@pytest.mark.parametrize(
    ("language", "words", "text"),
    [
        ("en", "It was opened in 1914. It is long. ", "The documents say: “It was opened in 1914. It is long”."),
        ("zh", "它于1914年开通。", "文件中写道：“它于1914年开通”。"),
        ("hi", "यह 1914 में खुली।", "दस्तावेज़ों में लिखा है: “यह 1914 में खुली”।"),
    ],
)
def test_a_quoted_sentence_has_one_full_stop(language, words, text):
    assert quote(words, language).text == text


def test_a_mark_of_the_passage_is_no_citation():
    assert quote("It was opened[2] in 1914 [3].", "en").text == "The documents say: “It was opened in 1914”."


def test_quoted_text_is_never_a_template():
    assert "$question" in quote("He said $question to all.", "en").text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Mount Everest er 8.848,86 meter høj.", "Mount Everest er 8.848,86 meter høj."),
        ("Mount Everest er 8,848,86 meter høj.", "8.848,86 meter"),
    ],
)
def test_a_number_that_is_none_is_not_taken(scripted, fake_encoder, written, text):
    height = reading("8,848.86 metres", text="Its height is 8,848.86 metres.", title="Mount Everest")
    assert render(scripted(written), "Hvor høj er Mount Everest?", "da", height, fake_encoder).text == text
