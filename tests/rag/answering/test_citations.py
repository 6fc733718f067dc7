import numpy as np
import pytest

from rag.answering.citations import cite
from rag.answering.evidence import estimate_tokens, evidence_z_score, select_evidence
from rag.generation.citation_marks import cited_numbers, strip_citation_marks
from rag.generation.degeneration import is_degenerate, is_refusal, strip_echoes
from rag.generation.language_check import is_in_language
from retriever.search.understanding import understand
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Passage

pytestmark = pytest.mark.slow


def hit(number: int, title: str, text: str) -> Hit:
    return Hit(Passage(f"d{number}", f"d{number}", title, text, None, 0, len(text), "en"), 1.0, 0.8, None, "ro")


NOTHING = ScoreBaseline(np.zeros((0, 384), dtype=np.float32), ())
HITS = [
    hit(
        1,
        "Coffee",
        "Coffee comes from Ethiopia. The first coffee house in Vienna opened in 1685. Brazil grows most of it.",
    ),
    hit(2, "Danube", "The Danube is 2,850 kilometres long. It flows into the Black Sea."),
]


def test_a_sentence_cites_the_passage_that_holds_it(encoder):
    snippets = select_evidence(understand("Ce lungime are Dunărea?", encoder), HITS, encoder, NOTHING, 300)
    done = cite(
        "Dunărea are 2850 de kilometri.", understand("Ce lungime are Dunărea?", encoder), "ro", snippets, encoder
    )
    (citation,) = done.citations
    assert citation.passage.title == "Danube"
    assert citation.quote == "The Danube is 2,850 kilometres long."
    assert done.text == f"Dunărea are 2850 de kilometri. [{citation.number}]"
    assert done.doubts == ()


def test_marks_are_kept_and_false_ones_dropped(encoder):
    question = "When did the first coffee house in Vienna open?"
    snippets = select_evidence(understand(question, encoder), HITS, encoder, NOTHING, 300)
    coffee = next(s.number for s in snippets if s.hit.passage.title == "Coffee")
    done = cite(f"It opened in 1685 [{coffee}][9].", understand(question, encoder), "en", snippets, encoder)
    assert done.text == f"It opened in 1685. [{coffee}]"
    assert [citation.number for citation in done.citations] == [coffee]


def test_a_wrong_mark_gets_the_right_passage_beside_it(encoder):
    question = "When did the first coffee house in Vienna open?"
    snippets = select_evidence(understand(question, encoder), HITS, encoder, NOTHING, 300)
    coffee = next(s.number for s in snippets if s.hit.passage.title == "Coffee")
    danube = next(s.number for s in snippets if s.hit.passage.title == "Danube")
    done = cite(f"It opened in 1685 [{danube}].", understand(question, encoder), "en", snippets, encoder)
    assert coffee in {citation.number for citation in done.citations}


def test_invented_numbers_are_doubted_and_the_questions_own_are_not(encoder):
    question = "Câți oameni beau cafea în 2020?"
    snippets = select_evidence(understand(question, encoder), HITS, encoder, NOTHING, 300)
    done = cite("În 2020 beau cafea 670.000 de oameni.", understand(question, encoder), "ro", snippets, encoder)
    assert done.doubts == ("670.000",)


def test_evidence_keeps_the_budget_and_the_best_sentence(encoder):
    snippets = select_evidence(
        understand("When did the first coffee house in Vienna open?", encoder), HITS, encoder, NOTHING, 25
    )
    assert "1685" in snippets[0].text
    assert sum(estimate_tokens(snippet.text) for snippet in snippets) <= 30
    for snippet in select_evidence(understand("coffee", encoder), HITS, encoder, NOTHING, 300):
        passage = snippet.hit.passage.text
        assert passage[snippet.start : snippet.end].split() == snippet.text.split()


def test_standing_tells_an_answer_from_none(encoder):
    things = "roof wall door bell gate well park pond mill farm barn yard lane hill road ford moor wood heath field"
    facts = [f"Fact {n} about the {thing} of a town." for n, thing in enumerate(things.split())]
    background = ScoreBaseline(encoder.encode_passages(facts), ("en",) * len(facts))

    def height(question):
        snippets = select_evidence(understand(question, encoder), HITS, encoder, background, 300)
        return evidence_z_score(understand(question, encoder), snippets, background)

    assert height("Wann wurde das erste Kaffeehaus in Wien eröffnet?") > height("Wie viele Moleküle hat ein Mol?")
    assert evidence_z_score(understand("Wann?", encoder), [], background) == -float("inf")
    few = ScoreBaseline(background.vectors[:3], ("en",) * 3)
    snippets = select_evidence(understand("Wien?", encoder), HITS, encoder, few, 300)
    assert evidence_z_score(understand("Wien?", encoder), snippets, few) == float("inf")


def test_marks():
    assert cited_numbers("A [1], b [2, 3] c【4】 d [text]") == [1, 2, 3, 4]
    assert strip_citation_marks("A [1], b [2, 3].") == "A, b."


def test_echoes_are_taken_out():
    question = "विश्वविद्यालय की स्थापना कब हुई?"
    said = f"{question} [1] 1088 में। कृपया हिन्दी में उत्तर दें।"
    assert strip_echoes(said, question, "कृपया हिन्दी में उत्तर दें।") == "1088 में।"
    assert strip_echoes("1088.", question, "x") == "1088."
    asked, answered = "În ce an a fost deschis podul Zalmoxis?", "În anul 1937 a fost deschis podul Zalmoxis."
    assert strip_echoes(answered, asked, "x") == answered
    assert not is_degenerate(answered, asked)


@pytest.mark.parametrize(
    "said",
    [
        "In 2000, what was it about? [1]",
        "في عام 2000 بدأت شبكة ABC حملةً على الإنترنت تتمحور حول ماذا؟",
        "हिन्दी में:",
        "那是什么？",
    ],
)
def test_questions_and_announcements_are_no_answers(said):
    assert strip_echoes(said, "Another question", "x") == ""


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
def test_going_round_in_circles_is_rubbish(text, loops):
    assert is_degenerate(text, "?") is loops


def test_rubbish_and_abstention():
    assert is_degenerate("[1]", "Când?")
    assert is_degenerate("Chuo kikuu kilianzishwa lini?", "Chuo kikuu kilianzishwa lini?")
    assert not is_degenerate("1581", "Când?")
    assert is_refusal(
        "Documentele nu conțin răspunsul la această întrebare. [1]",
        "Documentele nu conțin răspunsul la această întrebare.",
    )
    assert not is_refusal("A fost fondată în 1581.", "Documentele nu conțin răspunsul la această întrebare.")


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


def test_an_answer_on_another_country_is_doubted(encoder):
    question = "Apa soalan: di manakah kopi Mesir ditanam?"
    snippets = select_evidence(understand(question, encoder), HITS[:1], encoder, NOTHING, 300)
    assert cite("Brazil.", understand(question, encoder), "ms", snippets, encoder).doubts == ("Mesir",)
    question = "Di manakah kopi Brazil ditanam?"
    assert cite("Brazil.", understand(question, encoder), "ms", snippets, encoder).doubts == ()
