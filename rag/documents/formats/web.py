"""HTML and Markdown: the words that a reader sees."""

from pathlib import Path

from rag.documents.formats.encodings import decode
from rag.documents.formats.page import Page, TitledPages

UNSEEN_TAGS = "script style template noscript iframe object svg nav form".split()
UNSEEN_ELEMENTS = "[hidden], [aria-hidden=true], [style*='display:none'], [style*='display: none']"
BLOCK_TAGS = "p div li tr h1 h2 h3 h4 h5 h6 section article blockquote pre dt dd table".split()


def parse_html(name: str, data: bytes) -> TitledPages:
    """HTML without its scripts, menus, forms and hidden elements."""
    return _parse_markup(Path(name).stem, decode(name, data) if not data.startswith(b"<?xml") else data)


def parse_markdown(name: str, data: bytes) -> TitledPages:
    """CommonMark with tables; raw HTML in it is text."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    return _parse_markup(Path(name).stem, markdown.render(decode(name, data)))


def _parse_markup(stem: str, markup: str | bytes) -> TitledPages:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(markup, "html.parser")
    for element in soup(UNSEEN_TAGS):
        element.decompose()
    for element in soup.select(UNSEEN_ELEMENTS):
        element.decompose()
    heading = soup.find("h1")
    title = (soup.title.get_text() if soup.title else "") or (heading.get_text() if heading else "")
    for line_break in soup.find_all("br"):
        line_break.replace_with("\n")
    for block in soup.find_all(BLOCK_TAGS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
    body = soup.body or soup
    if soup.title:
        soup.title.decompose()
    return title.strip() or stem, [Page(None, body.get_text())]
