import pytest

from rag.generation.citation_marks import strip_citation_marks
from rag.generation.degeneration import is_degenerate, is_echo, is_refusal, is_repetitive, strip_echoes


def test_echoes_are_taken_out():
    question = "विश्वविद्यालय की स्थापना कब हुई?"
    answer = f"{question} [1] 1088 में। कृपया हिन्दी में उत्तर दें।"
    assert strip_echoes(answer, question, "कृपया हिन्दी में उत्तर दें।") == "1088 में।"
    assert strip_echoes("1088.", question, "x") == "1088."
    question, answer = "În ce an a fost deschis podul Zalmoxis?", "În anul 1937 a fost deschis podul Zalmoxis."
    assert strip_echoes(answer, question, "x") == answer
    assert not is_degenerate(answer, question)


@pytest.mark.parametrize(
    "text",
    [
        "In 2000, what was it about? [1]",
        "في عام 2000 بدأت شبكة ABC حملةً على الإنترنت تتمحور حول ماذا؟",
        "हिन्दी में:",
        "那是什么？",
    ],
)
def test_questions_and_announcements_are_no_answers(text):
    assert strip_echoes(text, "Another question", "x") == ""


def test_what_follows_a_question_said_back_is_kept():
    assert strip_citation_marks(strip_echoes("Când a fost fondată? [1] În anul 1088.", "Când?", "x")) == "În anul 1088."


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("الكتاب البوسيط للكتاب " * 8, True),
        ("Вот ответ на русском языке: " * 6, True),
        ("विश्वास अनुमान करने के लिए " * 6, True),
        (
            "The university was founded in 1088 by students who hired their own teachers; it is the oldest.",
            False,
        ),
        ("大学は1088年に設立され、学生たちが自ら教師を雇ったことで知られています。" * 1, False),
        ("40,000", False),
    ],
)
def test_a_loop_is_degenerate(text, loops):
    assert is_degenerate(text, "?") is loops


def test_degenerate_texts_and_refusals():
    assert is_degenerate("[1]", "Când?")
    assert is_degenerate("Chuo kikuu kilianzishwa lini?", "Chuo kikuu kilianzishwa lini?")
    assert not is_degenerate("1581", "Când?")
    assert is_refusal(
        "Documentele nu conțin răspunsul la această întrebare. [1]",
        "Documentele nu conțin răspunsul la această întrebare.",
    )
    assert not is_refusal("A fost fondată în 1581.", "Documentele nu conțin răspunsul la această întrebare.")


def test_a_text_repeats_itself_if_half_of_its_4_grams_are_copies():
    assert not is_repetitive("abcd" * 24)  # 96 characters are too few to tell
    assert is_repetitive("abcd" * 25)
    letters = "".join(chr(0x4E00 + n) for n in range(100))
    assert not is_repetitive(letters)
    # 200 - 3 = 197 4-grams, 100 + 3 - 3 = 100 of them distinct: more than half
    assert not is_repetitive(letters * 2)
    assert is_repetitive(letters * 3)


def test_an_echo_adds_no_word():
    assert is_echo("when was it FOUNDED [1]", "When was it founded?")
    assert not is_echo("It was founded in 1088", "When was it founded?")
    assert not is_echo("", "When was it founded?")
    assert not is_echo("founded", "When was the old university founded?")  # a word of it alone may be the answer
