import numpy as np
import pytest

from rag.answering.citations import cite
from rag.answering.evidence import select_evidence
from retriever.search.understanding import understand
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Passage

pytestmark = pytest.mark.slow


def hit(number: int, title: str, text: str) -> Hit:
    return Hit(Passage(f"d{number}", f"d{number}", title, text, None, 0, len(text), "en"), 1.0, 0.8, None, "ro")


NO_BASELINE = ScoreBaseline(np.zeros((0, 384), dtype=np.float32), ())
HITS = [
    hit(
        1,
        "Coffee",
        "Coffee comes from Ethiopia. The first coffee house in Vienna opened in 1685. Brazil grows most of it.",
    ),
    hit(2, "Danube", "The Danube is 2,850 kilometres long. It flows into the Black Sea."),
]


def test_a_sentence_cites_the_passage_that_holds_it(encoder):
    snippets = select_evidence(understand("Ce lungime are Dunărea?", encoder), HITS, encoder, NO_BASELINE, 300)
    cited = cite(
        "Dunărea are 2850 de kilometri.", understand("Ce lungime are Dunărea?", encoder), "ro", snippets, encoder
    )
    (citation,) = cited.citations
    assert citation.passage.title == "Danube"
    assert citation.quote == "The Danube is 2,850 kilometres long."
    assert cited.text == f"Dunărea are 2850 de kilometri. [{citation.number}]"
    assert cited.doubts == ()


def test_marks_are_kept_and_false_ones_dropped(encoder):
    question = "When did the first coffee house in Vienna open?"
    snippets = select_evidence(understand(question, encoder), HITS, encoder, NO_BASELINE, 300)
    coffee = next(s.number for s in snippets if s.hit.passage.title == "Coffee")
    cited = cite(f"It opened in 1685 [{coffee}][9].", understand(question, encoder), "en", snippets, encoder)
    assert cited.text == f"It opened in 1685. [{coffee}]"
    assert [citation.number for citation in cited.citations] == [coffee]


def test_a_wrong_mark_gets_the_right_passage_beside_it(encoder):
    question = "When did the first coffee house in Vienna open?"
    snippets = select_evidence(understand(question, encoder), HITS, encoder, NO_BASELINE, 300)
    coffee = next(s.number for s in snippets if s.hit.passage.title == "Coffee")
    danube = next(s.number for s in snippets if s.hit.passage.title == "Danube")
    cited = cite(f"It opened in 1685 [{danube}].", understand(question, encoder), "en", snippets, encoder)
    assert coffee in {citation.number for citation in cited.citations}


def test_invented_numbers_are_doubted_and_the_questions_own_are_not(encoder):
    question = "Câți oameni beau cafea în 2020?"
    snippets = select_evidence(understand(question, encoder), HITS, encoder, NO_BASELINE, 300)
    cited = cite("În 2020 beau cafea 670.000 de oameni.", understand(question, encoder), "ro", snippets, encoder)
    assert cited.doubts == ("670.000",)


def test_an_answer_on_another_country_is_doubted(encoder):
    question = "Apa soalan: di manakah kopi Mesir ditanam?"
    snippets = select_evidence(understand(question, encoder), HITS[:1], encoder, NO_BASELINE, 300)
    assert cite("Brazil.", understand(question, encoder), "ms", snippets, encoder).doubts == ("Mesir",)
    question = "Di manakah kopi Brazil ditanam?"
    assert cite("Brazil.", understand(question, encoder), "ms", snippets, encoder).doubts == ()
