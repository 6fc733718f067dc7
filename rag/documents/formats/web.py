"""HTML and Markdown: the words that a reader sees."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.documents.formats.encodings import decode
from rag.documents.formats.hidden import StyleSheet, hides, parse_style
from rag.documents.formats.limits import MAX_NESTING, MAX_OPEN_TAGS, LimitError, check_limit
from rag.documents.formats.page import Page, TitledPages

UNSEEN_TAGS = frozenset("script style template noscript iframe object svg nav form noembed noframes canvas".split())
BLOCK_TAGS = frozenset("p div li tr h1 h2 h3 h4 h5 h6 section article blockquote pre dt dd table".split())


def parse_html(name: str, data: bytes) -> TitledPages:
    """HTML without its scripts, menus, forms and hidden elements."""
    return _parse_markup(Path(name).stem, decode(name, data) if not data.startswith(b"<?xml") else data)


def parse_markdown(name: str, data: bytes) -> TitledPages:
    """CommonMark with tables; raw HTML in it is text."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    return _parse_markup(Path(name).stem, markdown.render(decode(name, data)))


def _parse_markup(stem: str, markup: str | bytes) -> TitledPages:
    from bs4 import Tag

    soup = _parse_tree(markup)
    sheet = StyleSheet(element.get_text() for element in soup.find_all("style"))
    first_tags: dict[str, Tag] = {}
    for node in _seen(soup, sheet):
        if isinstance(node, Tag):
            first_tags.setdefault(node.name, node)
    titles = [_words(first_tags[name], sheet) for name in ("title", "h1") if name in first_tags]
    text = "".join(
        node for node in _seen(first_tags.get("body", soup), sheet, first_tags.get("title")) if isinstance(node, str)
    )
    return next(filter(None, titles), "").strip() or stem, [Page(None, text)]


def _parse_tree(markup: str | bytes) -> Any:
    """The tree of the markup. Raises LimitError if too many tags are not closed.

    Each of them makes the parser read on to the end.
    """
    from bs4 import BeautifulSoup

    text = markup.decode("latin-1") if isinstance(markup, bytes) else markup
    if any(part.count("<") > MAX_OPEN_TAGS for part in text.split(">")):
        raise LimitError("it has too many tags that are not closed; save it anew")
    return BeautifulSoup(markup, "html.parser")


def _seen(root: Any, sheet: StyleSheet, skipped: Any = None) -> Iterator[Any]:
    """The tags and texts that a reader sees, in order; line breaks, as plain strings, stand around blocks.

    Raises LimitError if tags are nested too deep.
    """
    from bs4 import CData, Tag
    from bs4.element import NavigableString

    nodes = [(0, root)]
    while nodes:
        depth, node = nodes.pop()
        if not isinstance(node, Tag):
            if type(node) in (str, NavigableString, CData):
                yield node
        elif node.name == "br":
            yield "\n"
        elif node is not skipped and not _is_unseen(node, sheet):
            check_limit(depth, MAX_NESTING, "elements inside one another")
            yield node
            edge = [(depth, "\n\n")] if node.name in BLOCK_TAGS else []
            nodes += [*edge, *((depth + 1, child) for child in reversed(node.contents)), *edge]


def _words(tag: Any, sheet: StyleSheet) -> str:
    """The text of a tag on one line."""
    from bs4.element import NavigableString

    return "".join(node for node in _seen(tag, sheet) if isinstance(node, NavigableString))


def _is_unseen(tag: Any, sheet: StyleSheet) -> bool:
    if tag.name in UNSEEN_TAGS or "hidden" in tag.attrs:
        return True
    if str(tag.attrs.get("aria-hidden", "")).strip().lower() == "true":
        return True
    style = parse_style(str(tag.attrs.get("style", "")))
    if tag.name in ("html", "body"):  # often faded in by a script
        return style.get("display") == "none"
    return hides(style) or sheet.hides(tag.name, tag.attrs)
