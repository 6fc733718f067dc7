"""PDF, page by page."""

from pathlib import Path

from rag.documents.formats.page import Page, TitledPages
from rag.errors import UnreadableFileError


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
        pages = []
        for number in range(len(document)):
            page = document[number]
            pages.append(Page(number + 1, page.get_textpage().get_text_bounded()))
            page.close()
        return str(document.get_metadata_dict().get("Title") or "") or Path(name).stem, pages
    finally:
        document.close()
