import csv
import io
import json
import zipfile

import docx
import openpyxl
import pptx
import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from rag.documents.parsing import clean_text, parse
from rag.errors import UnreadableFileError


def pdf(*pages: str, title: str = "") -> bytes:
    document = FPDF()
    document.set_title(title)
    document.set_font("Helvetica", size=12)
    for text in pages:
        document.add_page()
        document.multi_cell(0, 8, text)
    return bytes(document.output())


def saved(thing) -> bytes:
    buffer = io.BytesIO()
    thing.save(buffer)
    return buffer.getvalue()


def make_docx() -> bytes:
    document = docx.Document()
    document.add_paragraph("Căile ferate au fost deschise în 1869.")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Gară", "Filaret"
    return saved(document)


def make_pptx() -> bytes:
    deck = pptx.Presentation()
    for words in ("First slide", "Second slide"):
        deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = words
    return saved(deck)


def make_xlsx() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["City", "People"])
    book.active.append(["Cluj", 286598])
    return saved(book)


GOOD = {
    "a.txt": (b"The text.", "The text."),
    "a.md": (b"# Title\n\nSome *words*.\n\n- one\n- two", "Some words."),
    "a.html": (b"<title>T</title><script>alert(1)</script><p>Shown</p><p style='display:none'>Hidden</p>", "Shown"),
    "a.pdf": (pdf("Page one", "Page two"), "Page one"),
    "a.docx": (make_docx(), "Gară | Filaret"),
    "a.pptx": (make_pptx(), "First slide"),
    "a.xlsx": (make_xlsx(), "City: Cluj; People: 286598."),
    "a.csv": (b"City;People\nCluj;286598\n", "City: Cluj; People: 286598."),
    "a.jsonl": ('{"title": "T", "text": "नमस्ते"}\n'.encode(), "नमस्ते"),
}


@pytest.mark.parametrize(("name", "case"), GOOD.items())
def test_every_format(name, case):
    data, expected = case
    parsed = parse(name, data)
    text = "\n".join(page.text for page in parsed.pages)
    assert expected in text
    assert "alert" not in text
    assert "Hidden" not in text


def test_titles_and_pages():
    assert parse("a.md", b"# A title\n\nWords.").title == "A title"
    assert parse("a.md", b"# A title\n\nWords.").pages[0].text == "Words."
    assert parse("report.txt", b"words").title == "report"
    assert parse("a.pdf", pdf("x", title="Annual report")).title == "Annual report"
    assert [page.number for page in parse("a.pdf", pdf("one", "two")).pages] == [1, 2]
    assert [page.number for page in parse("a.pptx", make_pptx()).pages] == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251", "gb18030"])
def test_encodings(encoding):
    text = {
        "cp1251": "Когда был основан университет? Он был основан давно. ",
        "gb18030": "大学成立于一八七九年，历史悠久，学生很多。",
    }.get(encoding, "Când a fost fondată? 北京 ")
    assert text.strip()[:10] in parse("a.txt", (text * 5).encode(encoding)).pages[0].text


def encrypted_pdf() -> bytes:
    writer = PdfWriter()
    writer.append(PdfReader(io.BytesIO(pdf("secret"))))
    writer.encrypt("password")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 300_000_000)
    return buffer.getvalue()


BAD = {
    "empty.txt": (b"", "empty"),
    "blank.md": (b" \n\t ", "empty"),
    "binary.txt": (b"\x7fELF\x00\x00\x01" * 100, "binary"),
    "broken16.txt": (b"\xff\xfea", "utf-16"),
    "noise.pdf": (b"not a pdf at all", "damaged"),
    "cut.pdf": (pdf("words")[:200], "damaged"),
    "locked.pdf": (encrypted_pdf(), "encrypted"),
    "blank.pdf": (pdf(""), "no text"),
    "old.docx": (b"\xd0\xcf\x11\xe0" + b"x" * 100, "encrypted or in an old"),
    "fake.docx": (b"PK\x03\x04 no", "damaged"),
    "bomb.docx": (bomb(), "unpacks to"),
    "bad.xlsx": (make_docx(), "damaged"),
    "bad.jsonl": (b'{"text": "x"}\nnope', "line 2 is not JSON"),
    "keys.jsonl": (b'{"body": "x"}', 'line 1 has no "text"'),
    "tool.exe": (b"MZ", "not supported"),
    "none": (b"x", "not supported"),
}


@pytest.mark.parametrize(("name", "case"), BAD.items())
def test_bad_files_get_one_sentence(name, case):
    data, reason = case
    with pytest.raises(UnreadableFileError, match=reason) as raised:
        parse(name, data)
    assert str(raised.value).startswith(name)
    assert "\n" not in str(raised.value)


def test_an_xml_entity_reads_no_file(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("TOP SECRET")
    entity = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'.encode()
    source = io.BytesIO(make_docx())
    target = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            if item == "word/document.xml":
                content = entity + content.split(b"?>", 1)[1].replace("Căile".encode(), b"&e;")
            new.writestr(item, content)
    try:
        text = parse("x.docx", target.getvalue()).pages[0].text
    except UnreadableFileError:
        return
    assert "TOP SECRET" not in text
    html = entity + b"<html><body><p>&e; shown</p></body></html>"
    assert "TOP SECRET" not in parse("x.html", html).pages[0].text


@given(st.text())
def test_clean_text_has_no_traps_and_stays_clean(text):
    cleaned = clean_text(text)
    assert cleaned == clean_text(cleaned)
    assert not set(cleaned) & set("\x00\r\u202e\u2066\u200b\ufeff")
    cleaned.encode("utf-8")


def test_joiners_that_spelling_needs_survive():
    assert clean_text("می\u200cخواهم") == "می\u200cخواهم"


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1, max_size=5))
def test_csv_rows_keep_their_values(values):
    buffer = io.StringIO()
    csv.writer(buffer).writerows([[f"k{i}" for i in range(len(values))], values])
    text = parse("a.csv", buffer.getvalue().encode()).pages[0].text
    for value in values:
        assert clean_text(value) in text


def test_jsonl_of_many_records():
    lines = "\n".join(json.dumps({"text": f"fact {n}"}) for n in range(50))
    assert "fact 49" in parse("a.jsonl", lines.encode()).pages[0].text
