"""Login, collections and logout in a real browser."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from rag.settings import load_settings
from tests.conftest import serving, unused_port
from tests.ui.browser import needs_chromium, start_browser, text_of, wait
from tests.ui.server.conftest import QuotingEngine
from ui.server.address import Address
from ui.state.access import Access, Role
from ui.state.collections import Collections

pytestmark = [pytest.mark.slow, needs_chromium]
PASSWORD = "correct horse battery"


@pytest.fixture
def collections(tmp_path, fake_encoder):
    settings = load_settings(library=tmp_path / "library", sample=False, login="local")
    with Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as collections:
        collections.accounts.add_user("Ana", PASSWORD, Role.EDITOR, by="test")
        collections.accounts.add_user("Ben", PASSWORD, Role.READER, by="test")
        yield collections


@pytest.fixture
def browser():
    browser = start_browser("el")
    yield browser
    browser.quit()


def fill(browser, selector, text):
    box = wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, selector), 60)
    box.clear()
    box.send_keys(text)
    return box


def click(browser, selector):
    wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, selector), 60).click()


def log_in(browser, url, name):
    browser.get(url)
    fill(browser, "[name=name]", name)
    fill(browser, "[name=password]", PASSWORD).send_keys(Keys.ENTER)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#question textarea"), 60)


def open_library(browser):
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "button[role=tab]")) >= 2, 60)
    browser.find_elements(By.CSS_SELECTOR, "button[role=tab]")[1].click()


def test_a_collection_is_seen_by_who_made_it_alone(collections, browser, tmp_path):
    address = Address("127.0.0.1", unused_port())
    with serving(collections, address):
        browser.get(address.url)
        assert "Κωδικός πρόσβασης" in wait(browser, lambda: text_of(browser, "form"), 60)
        log_in(browser, address.url, "Ana")
        open_library(browser)
        click(browser, "#collections > button")
        fill(browser, "#collection-name textarea, #collection-name input", "Πυροσβεστική")
        click(browser, "#create-collection")
        wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#collection input"), 60)
        chosen = "return document.querySelector('#collection input').value"
        wait(browser, lambda: browser.execute_script(chosen) == "Πυροσβεστική", 60)
        file = tmp_path / "bridge.txt"
        file.write_text("The Golden Gate Bridge was opened in 1937.")
        browser.find_element(By.CSS_SELECTOR, "#upload input[type=file]").send_keys(str(file))
        wait(browser, lambda: "bridge" in text_of(browser, "#documents"), 60)
        view = collections.of(Access("Ana", Role.EDITOR))
        assert [(info.name, info.documents) for info in view.infos()] == [("library", 0), ("Πυροσβεστική", 1)]
        fill(browser, "#search textarea, #search input", "Golden Gate").send_keys(Keys.ENTER)
        wait(browser, lambda: "1937" in text_of(browser, "#results"), 60)

        click(browser, "#delete-collection")
        wait(browser, lambda: view.names() == ["library"], 60)
        view.create("Λιμεναρχείο")

        click(browser, "#log-out")
        log_in(browser, address.url, "Ben")
        open_library(browser)
        wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#documents table"), 60)
        assert not browser.find_elements(By.CSS_SELECTOR, "#collection input")
        assert "Λιμεναρχείο" not in browser.page_source
        click(browser, "#collections > button")
        fill(browser, "#collection-name textarea, #collection-name input", "Ben's")
        click(browser, "#create-collection")
        wait(browser, lambda: "A reader may not do this" in text_of(browser, "#collection-report"), 60)
