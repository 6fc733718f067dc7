"""The page in a real browser: upload, ask in two languages, see sources, delete."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from fpdf import FPDF
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from rag.generation.language_check import is_in_language
from tests.ui.browser import needs_chromium, screenshot, start_browser, text_of, wait
from ui.page.strings import translations

pytestmark = [pytest.mark.slow, needs_chromium]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def address(command, tmp_path_factory):
    """The page as `make chat` opens it, in a process of its own."""
    folder = tmp_path_factory.mktemp("page")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        **command("page", "--port", str(port), ISTHMUS_LIBRARY=str(folder / "library"), ISTHMUS_GENERATOR="embedded"),
        cwd=folder,
        stdout=log,
        stderr=log,
    )
    for _ in range(240):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None, (folder / "log").read_text()
        time.sleep(0.5)
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    process.wait(30)
    log.close()


@pytest.fixture
def open_page(address):
    opened = []

    def open_(language="en", width=1280, height=1000):
        browser = start_browser(language, width, height)
        opened.append(browser)
        browser.get(address)
        wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#question textarea"), 60)
        return browser

    yield open_
    for number, browser in enumerate(opened):
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split(" ")[0]
        screenshot(browser, f"{name}-{number}")
        browser.quit()


def ask(browser, question):
    """Ask and wait for the finished answer; returns it and the lengths seen on the way."""
    box = browser.find_element(By.CSS_SELECTOR, "#question textarea")
    box.send_keys(question)
    box.send_keys(Keys.ENTER)
    seen = []

    def finished():
        seen.append(len(text_of(browser, "#conversation .bot")))
        return text_of(browser, "#sources .card")

    wait(browser, finished)
    return text_of(browser, "#conversation .bot"), seen


def tab(browser, number):
    browser.find_elements(By.CSS_SELECTOR, "button[role=tab]")[number].click()


def test_upload_ask_in_romanian_and_arabic_and_delete(open_page, tmp_path):
    pdf = FPDF()
    pdf.set_title("Zalmoxis Bridge")
    pdf.set_font("Helvetica", size=12)
    pdf.add_page()
    pdf.multi_cell(0, 8, "The Zalmoxis Bridge was opened in 1937. It is 412 metres long and was built by Ana Ionescu.")
    file = tmp_path / "bridge.pdf"
    file.write_bytes(bytes(pdf.output()))

    browser = open_page()
    wait(browser, lambda: "Qwen2.5 1.5B, embedded" in text_of(browser, "#generator"))
    tab(browser, 1)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#upload input[type=file]"))
    browser.find_element(By.CSS_SELECTOR, "#upload input[type=file]").send_keys(str(file))
    wait(browser, lambda: "1 added" in text_of(browser, "#report"))
    wait(browser, lambda: "bridge.pdf" in text_of(browser, "#documents"))

    tab(browser, 0)
    answer, lengths = ask(browser, "În ce an a fost deschis podul Zalmoxis?")
    assert "1937" in answer
    assert "[1]" in answer
    assert len(set(lengths)) > 2  # it grew while it was written
    assert "Zalmoxis Bridge" in text_of(browser, "#sources")
    assert "page 1" in text_of(browser, "#sources")
    assert "1937" in browser.find_element(By.CSS_SELECTOR, "#sources mark").get_attribute("textContent")

    wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, "button#translate").is_displayed())
    browser.find_element(By.CSS_SELECTOR, "button#translate").click()
    words = translations()["en"]
    wait(
        browser,
        lambda: "1937" in text_of(browser, ".translation") or words["no_translation"] in text_of(browser, "#sources"),
    )
    wait(browser, lambda: not browser.find_elements(By.CSS_SELECTOR, "button#translate"))

    browser.refresh()
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#question textarea"))
    answer, _ = ask(browser, "متى افتتحت قناة السويس؟")
    assert "1869" in answer or "١٨٦٩" in answer
    direction = """
        const texts = document.createTreeWalker(document.querySelector("#conversation .bot"), NodeFilter.SHOW_TEXT);
        while (texts.nextNode())
          if (/[\\u0600-\\u06ff]/.test(texts.currentNode.data)) {
            const holder = texts.currentNode.parentElement;
            return [getComputedStyle(holder).direction, holder.closest("[dir]").dir];
          }
    """
    assert browser.execute_script(direction) == ["rtl", "auto"]

    tab(browser, 1)
    wait(browser, lambda: "bridge.pdf" in text_of(browser, "#documents"))
    browser.find_element(By.CSS_SELECTOR, "#to-delete input").click()
    option = "//li[contains(., 'bridge.pdf')]"
    wait(browser, lambda: browser.find_elements(By.XPATH, option))[0].click()
    browser.find_element(By.CSS_SELECTOR, "#to-delete input").send_keys(Keys.ESCAPE)
    browser.find_element(By.CSS_SELECTOR, "#delete").click()
    wait(browser, lambda: "bridge.pdf" not in text_of(browser, "#documents"))


def test_stop_follow_up_retry_and_chosen_language(open_page):
    browser = open_page()
    wait(browser, lambda: "embedded" in text_of(browser, "#generator"))
    begun = time.monotonic()
    ask(browser, "How long is the Panama Canal?")
    seconds = time.monotonic() - begun

    browser.refresh()
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#question textarea"))
    box = browser.find_element(By.CSS_SELECTOR, "#question textarea")
    box.send_keys("Who built the Suez Canal?")
    box.send_keys(Keys.ENTER)
    wait(browser, lambda: "…" in text_of(browser, "#conversation .bot"))
    browser.find_element(By.CSS_SELECTOR, "#stop button, button#stop").click()
    time.sleep(2 * seconds)  # more than it would have needed
    assert text_of(browser, "#conversation .bot").strip() == "…"
    assert not text_of(browser, "#sources .card")

    answer, _ = ask(browser, "How high is the Eiffel Tower?")  # the next question is answered
    assert "330" in answer

    browser.refresh()
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#question textarea"))
    answer, _ = ask(browser, "When was the University of Bologna founded?")
    assert "1088" in answer
    again = "#conversation button[aria-label='Retry'], #conversation button[title='Retry']"
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, again))[-1].click()
    wait(browser, lambda: not text_of(browser, "#sources .card"))
    wait(browser, lambda: text_of(browser, "#sources .card"))
    assert text_of(browser, "#conversation .bot") == answer
    assert text_of(browser, "#conversation").count("When was the University of Bologna founded?") == 1

    browser.find_element(By.CSS_SELECTOR, "#language input").click()
    wait(browser, lambda: browser.find_elements(By.XPATH, "//li[contains(., 'Deutsch')]"))[0].click()
    box = browser.find_element(By.CSS_SELECTOR, "#question textarea")
    box.send_keys("And in which city is it?")
    box.send_keys(Keys.ENTER)
    wait(browser, lambda: not text_of(browser, "#sources .card"))
    wait(browser, lambda: text_of(browser, "#sources .card"))
    answer = text_of(browser, "#conversation .bot")
    assert "Bologna" in answer
    assert is_in_language(answer, "de")


@pytest.mark.parametrize("tag", ["ar", "th-TH", "zh-HK", "sw-KE"])
def test_the_browsers_language(open_page, tag):
    """Also where Gradio has not that language itself (sw), or not that variant (zh-HK)."""
    browser = open_page(tag)
    words = translations()[tag.split("-")[0]]
    wait(browser, lambda: words["tagline"] in browser.find_element(By.TAG_NAME, "body").text)
    assert browser.find_element(By.CSS_SELECTOR, "#send").text == words["send"]
    direction = "return getComputedStyle(document.querySelector(arguments[0])).direction"
    for part in ("#send", "#sources", "#question textarea", "#language input"):
        assert browser.execute_script(direction, part) == words["direction"], part


def test_enter_during_composition_sends_nothing(open_page):
    browser = open_page("zh")
    box = browser.find_element(By.CSS_SELECTOR, "#question textarea")
    box.send_keys("ni")
    browser.execute_script(
        "arguments[0].dispatchEvent(new KeyboardEvent('keydown',"
        "{key: 'Enter', code: 'Enter', isComposing: true, bubbles: true, cancelable: true}))",
        box,
    )
    time.sleep(1)
    assert box.get_attribute("value") == "ni"
    assert not browser.find_elements(By.CSS_SELECTOR, "#conversation .user")


def test_markup_in_a_question_stays_text(open_page):
    browser = open_page()
    box = browser.find_element(By.CSS_SELECTOR, "#question textarea")
    box.send_keys("<img src=x onerror=document.title='hacked'> <b>bold</b>")
    box.send_keys(Keys.ENTER)
    wait(browser, lambda: "<b>bold</b>" in text_of(browser, "#conversation"))
    assert browser.title == "Isthmus"
    assert not browser.find_elements(By.CSS_SELECTOR, "#conversation b")


def test_fits_a_phone(open_page):
    browser = open_page(width=390, height=844)
    # headless Chromium keeps windows at 500 pixels or more; the viewport is set apart
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    )
    time.sleep(1)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth + 1")
    assert browser.find_element(By.CSS_SELECTOR, "#send").is_displayed()


def test_a_small_evaluation_shows_table_and_plot(open_page):
    browser = open_page("de")
    wait(browser, lambda: "embedded" in text_of(browser, "#generator"))
    wait(browser, lambda: browser.find_elements(By.XPATH, "//button[@role='tab'][contains(., 'Auswertung')]"))[
        0
    ].click()
    count = wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, "#evaluation-questions input[type=number]"))
    wait(browser, count.is_displayed)
    count.send_keys(Keys.CONTROL, "a")
    count.send_keys("2", Keys.TAB)
    browser.find_element(By.CSS_SELECTOR, "#evaluate").click()
    # The generator answers all questions with each selector first.
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#evaluation img"), seconds=600)
    rows = [row.text.split()[0] for row in browser.find_elements(By.CSS_SELECTOR, "#evaluation tr")]
    assert rows == ["l1", "random", "X-InSTA", "mapped"]
    assert browser.execute_script("return document.querySelector('#evaluation img').naturalWidth") > 100
