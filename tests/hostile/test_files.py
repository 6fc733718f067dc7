"""Files that hang a parser, fill memory or hide words. Each has less than 500 kB and is made here.

The bounds are enforced from outside: a process that reads a file is killed after 30 seconds. The product itself
ends the reading after 7; the start takes one or two, and several on a busy machine.
"""

import io
import json
import os
import re
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pytest
from docx.enum.style import WD_STYLE_TYPE
from fpdf import FPDF
from PIL import Image

from rag.documents.ingest import read_file, supported_files
from rag.documents.library import Library
from rag.documents.parsing import ParsingProcess, parse
from rag.errors import UnreadableFileError

READ = """
import hashlib, json, sys
from pathlib import Path
from rag.documents.ingest import read_document
from rag.errors import UnreadableFileError
file = Path(sys.argv[1])
try:
    _, passages = read_document(file.name, file.read_bytes(), "digest", 800)
    print(json.dumps({"passages": len(passages)}))
except UnreadableFileError as error:
    print(json.dumps({"reason": str(error)}))
"""
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def saved(thing) -> bytes:
    buffer = io.BytesIO()
    thing.save(buffer)
    return buffer.getvalue()


def archive(original: bytes, **changes: Callable[[bytes], bytes]) -> bytes:
    """An office file with some of its parts changed, by the last part of their names without the ending."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(original)) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, True, 9) as new,
    ):
        for name in old.namelist():
            change = changes.get(Path(name).stem, lambda content: content)
            new.writestr(name, change(old.read(name)))
    return target.getvalue()


def word(body: str) -> bytes:
    document = f'<?xml version="1.0"?><w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return archive(saved(docx.Document()), document=lambda _: document.encode())


def word_row(text: str, properties: str) -> str:
    return f"<w:tr><w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc></w:tr>"


def word_table(rows: str) -> str:
    return f'<w:tbl><w:tblPr/><w:tblGrid><w:gridCol w:w="1"/></w:tblGrid>{rows}</w:tbl>'


def last_cell_of_a_sheet() -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"] = "corner"
    book.active["XFD1048576"] = "far away"
    return saved(book)


def wide_header_of_a_sheet() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["h" * 10_000])
    for _ in range(10_000):
        book.active.append([1])
    return saved(book)


def sheet_of_empty_cells() -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"] = "x"
    rows = "<row>" + "<c/>" * 1_000 + "</row>"
    return archive(
        saved(book), sheet1=lambda content: content.replace(b"</sheetData>", rows.encode() * 1_200 + b"</sheetData>")
    )


def pdf_objects(*objects: bytes) -> bytes:
    data, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    trailer = b"trailer <</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (size, table, trailer)


def pdf_content(content: bytes, kids: int = 1) -> bytes:
    stream = b"<</Length %d>> stream\n%s\nendstream" % (len(content), content)
    return pdf_objects(
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Count %d /Kids [%s]>>" % (kids, b"3 0 R " * kids),
        b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources <</Font <</F 5 0 R>>>>>>",
        stream,
        b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
    )


def pdf_lines(count: int) -> bytes:
    return b"BT /F 9 Tf 1 0 0 1 9 780 Tm " + b"0 -1 Td (The same words on every page of this file.) Tj " * count + b"ET"


def lying_archive() -> bytes:
    """A docx whose main part says that it unpacks to 1000 bytes, and unpacks to 300 MB."""
    original = word("<w:p/>" + " " * 300_000_000)
    size = re.search(rb"PK\x01\x02.{20}(.{4}).{18}word/document.xml", original, re.DOTALL)
    assert size is not None
    return original[: size.start(1)] + (1000).to_bytes(4, "little") + original[size.end(1) :]


HOSTILE: dict[str, Callable[[], bytes]] = {
    "header_repeated.csv": lambda: ("h" * 10_000 + "\n" + "1\n" * 10_000).encode(),
    "many_headers_repeated.csv": lambda: (",".join(["h" * 10] * 10_000) + "\n" + ("1," * 9_999 + "1\n") * 15).encode(),
    "empty_columns.csv": lambda: b"," * 450_000,
    "header_repeated.xlsx": wide_header_of_a_sheet,
    "cell_at_XFD1048576.xlsx": last_cell_of_a_sheet,
    "empty_cells.xlsx": sheet_of_empty_cells,
    "span_of_a_million.docx": lambda: word(word_table(word_row("cell " * 50, '<w:gridSpan w:val="1000000"/>'))),
    "rows_merged.docx": lambda: word(
        word_table(word_row("cell", '<w:vMerge w:val="restart"/>') + word_row("", "<w:vMerge/>") * 20_000)
    ),
    "rows_merged_long.docx": lambda: word(
        word_table(word_row("cell " * 2_000, '<w:vMerge w:val="restart"/>') + word_row("", "<w:vMerge/>") * 20_000)
    ),
    "empty_paragraphs.docx": lambda: word("<w:p/>" * 1_500_000),
    "empty_runs.docx": lambda: word("<w:p>" + "<w:r/>" * 1_500_000 + "</w:p>"),
    "bomb.docx": lambda: word(" " * 300_000_000),
    "lying_bomb.docx": lying_archive,
    "page_named_often.pdf": lambda: pdf_content(pdf_lines(5_000), kids=1_000),
    "many_pages.pdf": lambda: pdf_content(b"", kids=60_000),
    "unclosed_attributes.html": lambda: b"<a b='" * 20_000,
    "unclosed_attributes_closed_late.html": lambda: b"<a b='" * 20_000 + b"'>words",
    "unclosed_comments.html": lambda: b"<!--" * 100_000,
    "unclosed_style_comments.html": lambda: b"<p style='" + b"/*" * 200_000 + b"'>words</p>",
    "nested.html": lambda: b"<div>" * 40_000 + b"words",
    "nested_and_hidden.html": lambda: b"<b style=display:none>" * 15_000 + b"words",
    "flat.html": lambda: b"<p>a" * 100 + b"<li>b</li>" * 40_000,
    "line_breaks.html": lambda: b"a<br>" * 90_000,
    "brackets.md": lambda: b"[" * 400_000,
    "emphasis.md": lambda: b"*a **b " * 60_000,
    "quotes.md": lambda: b">" * 400_000,
    "deep.jsonl": lambda: b"[" * 400_000,
    "no_sentence_end.txt": lambda: b"word " * 80_000,
    "no_space.txt": lambda: b"a" * 400_000,
    "no_space_chinese.txt": lambda: "北".encode() * 130_000,
    "short_sentences.txt": lambda: "北京。".encode() * 50_000,
    "combining_marks.txt": lambda: ("a" + "\u0301\u0323" * 40_000).encode(),
    "combining_marks.html": lambda: b"a" + b"&#x301;&#x323;" * 30_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_or_fails_within_bounds(name, tmp_path, bounded):
    data = HOSTILE[name]()
    assert len(data) < 500_000
    (tmp_path / name).write_bytes(data)
    result = json.loads(bounded(READ, str(tmp_path / name), seconds=30))
    reason = result.get("reason", f"{name}: .")
    assert reason.startswith(f"{name}: ")
    assert reason.endswith(".")
    assert "\n" not in reason


LIMITS = {
    "header_repeated.csv": "header is more than",
    "cell_at_XFD1048576.xlsx": None,
    "span_of_a_million.docx": "1,000 columns",
    "empty_paragraphs.docx": "500,000 paragraphs",
    "bomb.docx": "unpacks to",
    "unclosed_attributes.html": "not closed",
    "nested.html": "inside one another",
    "many_pages.pdf": "5,000 pages",
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_named(name):
    data, reason = HOSTILE[name](), LIMITS[name]
    if reason is None:
        assert parse(name, data).pages[0].text == "far away."
        return
    with pytest.raises(UnreadableFileError, match=reason):
        parse(name, data)


def hanging_pdf() -> bytes:
    """Reading it takes minutes."""
    return pdf_content(pdf_lines(8_000), kids=4_000)


def test_the_process_that_reads_is_killed_at_the_deadline_and_started_again(monkeypatch):
    monkeypatch.setattr("rag.documents.parsing.SECONDS", 1)
    process = ParsingProcess()
    with pytest.raises(UnreadableFileError, match="more than 1 seconds"):
        process.parse("a.pdf", hanging_pdf())
    assert process.parse("a.txt", b"words").pages[0].text == "words"
    first = process._process
    assert process.parse("b.txt", b"more").pages[0].text == "more"
    assert process._process is first
    first.kill()
    first.wait()
    assert process.parse("c.txt", b"again").pages[0].text == "again"
    process.close()
    process.close()


def test_searches_go_on_while_a_file_hangs(fake_library, monkeypatch):
    monkeypatch.setattr("rag.documents.parsing.SECONDS", 3)
    fake_library.add_texts([("a.txt", "The tower is 330 metres tall.")])
    results = []
    data = hanging_pdf()
    is_reading = threading.Event()

    def add() -> None:
        results.extend(fake_library._add_all([("hanging.pdf", lambda: is_reading.set() or data)], None))

    adding = threading.Thread(target=add)
    adding.start()
    assert is_reading.wait(60)
    assert fake_library.search("tower")[0].passage.title == "a"
    assert [document.title for document in fake_library.remove(["a.txt"])] == ["a"]
    assert adding.is_alive()
    adding.join(60)
    assert [result.status for result in results] == ["failed"]


def test_keys_of_the_user_do_not_reach_the_process(monkeypatch):
    monkeypatch.setenv("ISTHMUS_API_KEY", "secret")
    process = ParsingProcess()
    process.parse("a.txt", b"words")
    environment = Path(f"/proc/{process._process.pid}/environ").read_bytes()
    process.close()
    assert b"PYTHONPATH" in environment
    assert b"secret" not in environment


HIDING = [
    "style='DISPLAY:NONE'",
    "style='display :none'",
    "style='display:none !important'",
    "style='disp/**/lay:none;display/* */:none'",
    r"style='d\69splay:none'",
    "style='visibility:hidden'",
    "style='font-size:0'",
    "style='font-size: 0.1px'",
    "style='font:0/0 a'",
    "style='opacity:0.0'",
    "style='position:absolute;left:-9999px'",
    "style='position: fixed; top: -200em'",
    "style='text-indent:-9999px'",
    "style='clip:rect(0 0 0 0);position:absolute'",
    "style='height:0;overflow:hidden'",
    "style='transform:scale(0)'",
    "style='color:transparent'",
    "style='color:#fff;background:#fff'",
    "hidden",
    "hidden=until-found",
    "aria-hidden=TRUE",
    "class=secret",
    "id=hideout",
]


@pytest.mark.parametrize("attribute", HIDING)
def test_hidden_html_is_left_out(attribute):
    page = (
        "<style>.secret{visibility:hidden} @media print{.shown{display:none}} #hideout{display:none} "
        ".tab{display:none} .tab.open{display:block}</style>"
        f"<div><p>before</p><p {attribute}>planted <b>words</b></p><p class=shown>after</p></div>"
        "<p class='tab open'>tab</p>"
    )
    text = parse("a.html", page.encode()).pages[0].text
    assert text.split() == ["before", "after", "tab"]


@pytest.mark.parametrize(
    "markup", ["<template>planted</template>", "<noembed>planted</noembed>", "<!-- planted -->", "<svg>planted</svg>"]
)
def test_elements_that_show_nothing_are_left_out(markup):
    assert parse("a.html", f"<p>shown</p>{markup}".encode()).pages[0].text == "shown"


@pytest.mark.parametrize(
    "style",
    ["color:white;background:navy", "font-size:10px", "opacity:.5", "position:absolute;left:-3px", "margin:-8px 0"],
)
def test_styled_words_that_show_stay(style):
    assert parse("a.html", f"<p style='{style}'>shown</p>".encode()).pages[0].text == "shown"


def test_hidden_words_of_a_docx_are_left_out():
    document = docx.Document()
    paragraph = document.add_paragraph("shown ")
    paragraph.add_run("planted").font.hidden = True
    paragraph.add_run("too").font.hidden = False
    style = document.styles.add_style("Unseen", WD_STYLE_TYPE.PARAGRAPH)
    style.font.hidden = True
    document.add_paragraph("planted as well", style="Unseen")
    cell = document.add_table(rows=1, cols=1).rows[0].cells[0]
    cell.paragraphs[0].add_run("planted in a table").font.hidden = True
    assert parse("a.docx", saved(document)).pages[0].text == "shown too"


def test_merged_cells_of_a_docx_are_read_as_before():
    document = docx.Document()
    table = document.add_table(rows=3, cols=3)
    for number, cell in enumerate(table._cells):
        cell.text = str(number)
    table.cell(0, 0).merge(table.cell(1, 1))
    rows = [" | ".join(cell.text for cell in row.cells) for row in table.rows]
    assert parse("a.docx", saved(document)).pages[0].text == "\n\n".join(rows)


def pdf_text(content: str) -> list[str]:
    return parse("a.pdf", pdf_content(f"BT /F 12 Tf 50 700 Td (shown) Tj ET {content}".encode())).pages[0].text.split()


@pytest.mark.parametrize(
    "content",
    [
        "BT /F 12 Tf 3 Tr 50 600 Td (planted) Tj ET",
        "BT /F 12 Tf 1 1 1 rg 50 600 Td (planted) Tj ET",
        "BT /F 12 Tf 1 g 50 600 Td (planted) Tj ET",
        "BT /F 0.5 Tf 50 600 Td (planted) Tj ET",
        "BT /F 10 Tf 0.1 0 0 0.1 50 600 Tm (planted) Tj ET",
        "BT /F 12 Tf 50 900 Td (planted) Tj ET",
        "BT /F 12 Tf -500 600 Td (planted) Tj ET",
    ],
    ids=["mode 3", "white rgb", "white grey", "tiny", "scaled down", "above the page", "left of the page"],
)
def test_hidden_words_of_a_pdf_are_left_out(content):
    assert pdf_text(content) == ["shown"]


@pytest.mark.parametrize(
    "content",
    [
        "0 0 1 rg 40 590 200 30 re f BT /F 12 Tf 1 g 50 600 Td (white) Tj ET",
        "BT /F 1 Tf 12 0 0 12 50 600 Tm (scaled) Tj ET",
        "0.1 0 0 0.1 0 0 cm BT /F 120 Tf 500 6000 Td (small) Tj ET",
    ],
    ids=["white on blue", "font of one point, scaled", "everything scaled"],
)
def test_words_of_a_pdf_that_show_stay(content):
    assert len(pdf_text(content)) == 2


def test_the_recognised_words_of_a_scan_stay():
    scan = FPDF()
    scan.add_page()
    scan.image(Image.new("RGB", (50, 50), "white"), 0, 0, 210, 297)
    scan.set_font("Helvetica", size=12)
    with scan.local_context(text_mode=3):
        scan.text(20, 50, "recognised")
    assert parse("scan.pdf", bytes(scan.output())).pages[0].text.split() == ["recognised"]


def test_a_device_a_pipe_and_an_endless_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "zero.txt").symlink_to("/dev/zero")
    for file in (Path("/dev/zero"), tmp_path / "pipe.txt", tmp_path / "zero.txt", tmp_path):
        with pytest.raises(UnreadableFileError, match="it is no file"):
            read_file(file, 1_000_000)
    assert supported_files(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_a_file_that_says_it_is_empty_is_read_up_to_the_limit():
    with pytest.raises(UnreadableFileError, match="the limit is"):
        read_file(Path("/proc/self/maps"), 100)


def test_a_link_that_leads_out_of_a_folder_is_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("inside")
    (folder / "out.txt").symlink_to(outside / "secret.txt")
    (folder / "outside").symlink_to(outside)
    (folder / "within.txt").symlink_to(folder / "a.txt")
    (folder / "loop.txt").symlink_to(folder / "loop.txt")
    assert [file.name for file in supported_files(folder)] == ["a.txt", "within.txt"]
    assert supported_files(folder / "out.txt") == [folder / "out.txt"]
    assert read_file(folder / "out.txt", 100) == b"secret"


def test_names_that_are_not_utf_8_are_added_and_removed(fake_library: Library, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in ((b"caf\xe9.txt", "coffee"), (b"caf\xe8.txt", "tea"), (b"plain.txt", "water")):
        (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_text(text)
    results = fake_library.add([folder])
    assert [result.status for result in results] == ["added"] * 3
    for result in results:
        result.name.encode()
    for document in fake_library.documents():
        (document.source + document.title).encode()
    assert len(fake_library.remove([os.fsdecode(b"caf\xe9.txt")])) == 1
    assert fake_library.check() == []


def test_lone_surrogates_in_names_and_texts(fake_library: Library, tmp_path):
    file = tmp_path / "upload"
    file.write_text("uploaded words")
    results = fake_library.add_texts([("\ud800.txt", "some \udfff words")]) + fake_library.add_upload(
        [("\udc00x.md", file)]
    )
    assert [result.status for result in results] == ["added", "added"]
    for passage in fake_library.collection.documents.all_passages():
        (passage.title + passage.text).encode()
    failed = fake_library.add([tmp_path / "\ud800missing.txt", tmp_path / ("n" * 300 + ".txt")])
    assert [result.status for result in failed] == ["failed", "failed"]
    for result in failed:
        (result.name + result.reason).encode()


def test_a_search_and_a_question_of_combining_marks_end(bounded):
    program = (
        "from retriever.languages.detection import detect_language\n"
        "print(detect_language('a' + '\\u0301\\u0323' * 400_000))"
    )
    assert bounded(program, seconds=12)
