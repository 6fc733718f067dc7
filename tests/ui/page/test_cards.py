import gradio as gr
import pytest

from prompts import languages
from rag.types import Answer, Citation
from retriever.types import Hit, Passage
from ui.page import cards
from ui.page.strings import strings_for, translations

EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


def test_every_language_has_every_string():
    strings = translations()
    for language, words in strings.items():
        assert words.keys() == strings["en"].keys(), language
        assert all(words.values()), language


def test_the_page_speaks_every_language_that_answers_are_written_in():
    browsers = {"tl": "fil", "hi-Latn": "hi"}  # what a browser calls Tagalog; none asks for romanised Hindi
    assert {browsers.get(code, code) for code in languages()} == translations().keys()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ro-RO,ro;q=0.9,en;q=0.8", "ro"),
        ("fi,hi;q=0.5,de;q=0.7", "de"),
        ("fi", "en"),
        ("", "en"),
        ("ar;q=x,zh", "zh"),
        ("fil-PH", "fil"),
    ],
)
def test_language_of_the_browser(accepted, language):
    request = gr.Request(headers={"accept-language": accepted})
    assert strings_for(request) == translations()[language]


def test_documents_are_text_never_markup():
    passage = Passage("p", "d", EVIL, f"{EVIL} words {EVIL}", 3, 0, 10, "en")
    answer = Answer(EVIL, "en", (Citation(1, passage, 0, 5, 0.5),), doubts=(EVIL,))
    words = translations()["en"]
    for html in (cards.sources(answer, words), cards.search_results([Hit(passage, 1, 1, 1, "en")], words)):
        assert "<script" not in html
        assert "<img" not in html
        assert "&lt;img" in html
        assert "page 3" in html


def test_evidence_is_marked():
    passage = Passage("p", "d", "T", "It was. Founded in 1088. So.", None, 0, 10, "en")
    html = cards.sources(Answer("x", "en", (Citation(2, passage, 8, 24, 0.5),)), translations()["en"])
    assert "<mark>Founded in 1088.</mark>" in html
    assert "[2] T" in html


def test_no_sources_yet():
    assert translations()["en"]["sources_hint"] in cards.sources(Answer("x", "en"), translations()["en"])


def test_a_translation_stands_below_its_passage_and_says_what_made_it():
    passage = Passage("p", "d", "T", "Founded in 1088.", None, 0, 16, "en")
    answer = Answer("x", "ar", (Citation(1, passage, 0, 16, 0.5), Citation(2, passage, 0, 16, 0.5)))
    words = translations()["en"]
    html = cards.sources(answer, words, {1: f"تأسست {EVIL}", 2: None})
    assert '<p class="translation" dir="auto" lang="ar">تأسست &lt;img' in html
    assert html.count(words["machine_translation"]) == html.count(words["no_translation"]) == 1
    assert html.count(" open>") == 2
    assert words["machine_translation"] not in cards.sources(answer, words)
