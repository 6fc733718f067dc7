import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.locate import locate


@pytest.mark.parametrize(
    ("answer", "text", "words"),
    [
        ("the Black sea", "It flows into the Black Sea.", "the Black Sea"),
        ("Stephen Bathory", "Stephen Báthory founded it.", "Stephen Báthory"),
        ("12", "It has twelve towers.", "twelve"),
        ("ARTS", "A channel for the arts, the Alpha Television Service (ARTS).", "ARTS"),
        ("Alexander Fleming discovered penicilina", "Alexander Fleming found it.", "Alexander Fleming"),
        ("The canal opened on 15 August 1914", "They opened it on 15 August 1914.", "on 15 August 1914"),
        (
            "No, Denmark has the right to stay out",
            "It made twenty. Denmark has the right to stay out. The notes …",
            "Denmark has the right to stay out",
        ),
        ("40%", "It grew by 40%, which is much.", "40%"),
        ("๑๕ สิงหาคม", "เปิดเมื่อ ๑๕ สิงหาคม ๒๔๕๗", "๑๕ สิงหาคม"),
        ("黑海", "多瑙河流入黑海。", "黑海"),
        ("البحر الأسود", "يصب نهر الدانوب في البحر الأسود.", "البحر الأسود"),
        ("काला सागर", "डेन्यूब काला सागर में गिरती है।", "काला सागर"),
    ],
)
def test_words_are_found_in_every_script(answer, text, words):
    span = locate(answer, text, "en")
    assert span is not None
    assert text[slice(*span)] == words


def test_a_number_is_not_found_inside_another():
    assert locate("5", "It has 15 rooms and 5 beds.", "en") == (20, 21)


def test_a_name_is_not_taken_for_the_word_that_it_looks_like():
    text = "It shows the arts. The channel is called ARTS."
    assert locate("ARTS", text, "en") == (41, 45)


WORDS = st.lists(st.text(st.characters(categories=("Ll", "Nd")), min_size=2, max_size=8), min_size=3, max_size=20)


@given(WORDS, st.data())
def test_words_of_a_text_are_found_as_they_are(words, data):
    text = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    answer = " ".join(words[first : last + 1])
    span = locate(answer, text, "en")
    assert span is not None
    assert answer.lower() in text[slice(*span)].lower()


def test_words_of_a_list_are_found_with_those_between():
    text = "Its style came from the Tang, Song, as well as Khitan Liao and Jurchen Jin dynasties of China."
    span = locate("Tang, Song, Khitan Liao, Jurchen Jin", text, "en")
    assert span is not None
    assert text[slice(*span)] == "Tang, Song, as well as Khitan Liao and Jurchen Jin"


def test_words_of_the_question_are_no_answer():
    text = (
        "Friedrich Ratzel (1844 to 1904) came from Germany. The poem calls for protest against unjust forms of power."
    )
    question = "Wo wurde Friedrich Ratzel geboren?"
    assert locate("Friedrich Ratzel was given birth elsewhere", text, "en", question) is None
    span = locate(
        "The Mask of Anarchy is on unjust forms of power", text, "en", "Worum geht es in The Mask of Anarchy?"
    )
    assert span is not None
    assert text[slice(*span)] == "unjust forms of power"


def test_the_row_of_words_may_stand_before_the_words_of_the_question():
    text = "In Norway the first to chart the bay was Ada Lindqvist."
    span = locate("Ada Lindqvist was born in Norway", text, "en", "¿Dónde nació Ada Lindqvist?")
    assert span is not None
    assert text[slice(*span)] == "In Norway"


def test_an_answer_that_loops_says_each_word_once():
    text = "The council pays for small harbour repairs, and rarely for anything else."
    span = locate("Roads, ferries or bridges, small harbour repairs, " * 6, text, "en", "За что платит совет?")
    assert span is not None
    assert text[slice(*span)] == "small harbour repairs"


def test_a_sentence_around_the_words_is_not_cut_down_to_its_end():
    text = "Any harbour may ask for dues, and old northern ports often ask for far higher dues than other small ports."
    answer = "The passage states that old northern ports ask for far higher dues than other small ports"
    span = locate(answer, text, "en", "كيف؟")
    assert span is not None
    assert "ask for far higher dues" in text[slice(*span)]
