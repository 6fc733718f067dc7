"""PDF, page by page, without text that nobody sees."""

from collections.abc import Iterator, Sequence
from ctypes import c_int, c_uint
from pathlib import Path
from typing import Any

from rag.documents.formats.limits import MAX_PAGES, check_limit, limited_texts
from rag.documents.formats.page import Page, TitledPages
from rag.errors import UnreadableFileError

MIN_FONT_SIZE = 1.5
"""In points; smaller text is no reading matter."""
MIN_WHITE = 250
"""Red, green and blue of at least this are white."""

Box = tuple[float, float, float, float]
"""Left, bottom, right and top."""


def parse_pdf(name: str, data: bytes) -> TitledPages:
    """The text of each page. Raises UnreadableFileError if the file is encrypted or damaged."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableFileError(f"{name}: the PDF is encrypted; save a copy without a password.") from error
        raise UnreadableFileError(f"{name}: the PDF is damaged or is no PDF ({error}).") from error
    try:
        check_limit(len(document), MAX_PAGES, "pages")
        pages = [Page(number, text) for number, text in enumerate(limited_texts(_page_texts(document)), start=1)]
        return str(document.get_metadata_dict().get("Title") or "") or Path(name).stem, pages
    finally:
        document.close()


def _page_texts(document: Any) -> Iterator[str]:
    """The text within the edges of each page."""
    for number in range(len(document)):
        page = document[number]
        for text_object in _hidden_texts(page):
            page.remove_obj(text_object)
            text_object.close()
        text_page = page.get_textpage()
        yield text_page.get_text_bounded()
        text_page.close()
        page.close()


def _hidden_texts(page: Any) -> list[Any]:
    """The text objects of a page that are invisible, transparent, tiny, or white on white.

    Invisible text on an image stays: it is the recognised text of a scan. So does white text on a colour or an image.
    """
    from pypdfium2 import raw

    objects = list(page.get_objects())
    texts = [item for item in objects if item.type == raw.FPDF_PAGEOBJ_TEXT]
    invisible = [item for item in texts if raw.FPDFTextObj_GetTextRenderMode(item) == raw.FPDF_TEXTRENDERMODE_INVISIBLE]
    filled = [item for item in texts if raw.FPDFTextObj_GetTextRenderMode(item) == raw.FPDF_TEXTRENDERMODE_FILL]
    white = [item for item in filled if _is_white(item)]
    hidden = [item for item in filled if _is_transparent(item)]
    hidden += [item for item in texts if _font_size(item) < MIN_FONT_SIZE]
    if invisible or white:
        images = [_box(item) for item in objects if item.type in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_SHADING)]
        paths = [item for item in objects if item.type == raw.FPDF_PAGEOBJ_PATH]
        coloured = [_box(item) for item in paths if not _is_white(item) and not _is_transparent(item)]
        hidden += [item for item in invisible if not _is_within(_box(item), images)]
        hidden += [item for item in white if not _is_within(_box(item), images + coloured)]
    return list({id(item): item for item in hidden}.values())


def _fill_colour(item: Any) -> tuple[int, int, int, int]:
    """Red, green, blue and opacity, up to 255; a pattern counts as black."""
    from pypdfium2 import raw

    parts = [c_uint(), c_uint(), c_uint(), c_uint()]
    if not raw.FPDFPageObj_GetFillColor(item, *parts):
        return 0, 0, 0, 255
    red, green, blue, alpha = (part.value for part in parts)
    return red, green, blue, alpha


def _is_white(item: Any) -> bool:
    return min(_fill_colour(item)[:3]) >= MIN_WHITE


def _is_transparent(item: Any) -> bool:
    """Whether nothing is filled: at no opacity, or because a path is only an outline."""
    from pypdfium2 import raw

    mode, is_stroked = c_int(1), c_int()
    if item.type == raw.FPDF_PAGEOBJ_PATH:
        raw.FPDFPath_GetDrawMode(item, mode, is_stroked)
    return _fill_colour(item)[3] == 0 or mode.value == raw.FPDF_FILLMODE_NONE


def _font_size(item: Any) -> float:
    """In points on the page."""
    matrix = item.get_matrix()
    for outer in _containers(item):
        matrix = matrix.multiply(outer.get_matrix())
    return float(item.get_font_size() * abs(matrix.a * matrix.d - matrix.b * matrix.c) ** 0.5)


def _box(item: Any) -> Box:
    """The edges of an object on the page."""
    box = item.get_bounds()
    for outer in _containers(item):
        box = outer.get_matrix().on_rect(*box)
    return tuple(box)


def _containers(item: Any) -> Iterator[Any]:
    """The forms that an object lies in, the nearest first."""
    outer = item.container
    while outer is not None:
        yield outer
        outer = outer.container


def _is_within(box: Box, areas: Sequence[Box]) -> bool:
    """Whether the middle of the box lies in one of the areas."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(left <= x <= right and bottom <= y <= top for left, bottom, right, top in areas)
