"""Login, collections, the administrator's tab and logout in a real browser."""

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from rag.settings import load_settings
from tests.conftest import serving, unused_port
from tests.ui.browser import needs_chromium, screenshot, start_browser, text_of, wait
from tests.ui.server.conftest import QuotingEngine
from ui.page.strings import translations
from ui.server.address import Address
from ui.state.access import Access, Role
from ui.state.collections import Collections

pytestmark = [pytest.mark.slow, needs_chromium]
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def url():
    return f"http://127.0.0.1:{unused_port()}"


@pytest.fixture(scope="module")
def collections(tmp_path_factory, fake_encoder, url):
    settings = load_settings(library=tmp_path_factory.mktemp("site") / "library", sample=False, login="local")
    address = Address("127.0.0.1", int(url.rpartition(":")[2]))
    with (
        Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as collections,
        serving(collections, address),
    ):
        collections.accounts.add_user("Ana", PASSWORD, Role.EDITOR, by="test")
        collections.accounts.add_user("Ben", PASSWORD, Role.READER, by="test")
        collections.accounts.add_user("Root", PASSWORD, Role.ADMINISTRATOR, by="test")
        yield collections


@pytest.fixture
def open_browser():
    opened = []

    def open_(language):
        opened.append(start_browser(language))
        return opened[-1]

    yield open_
    for browser in opened:
        browser.quit()


def fill(browser, selector, text):
    box = wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, selector), 60)
    box.clear()
    box.send_keys(text)
    return box


def click(browser, selector):
    wait(browser, lambda: browser.find_element(By.CSS_SELECTOR, selector).click() or True, 60)


def log_in(browser, url, name):
    browser.get(url)
    fill(browser, "[name=name]", name)
    fill(browser, "[name=password]", PASSWORD).send_keys(Keys.ENTER)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#question textarea"), 60)


def log_out(browser):
    click(browser, "#log-out")
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "[name=password]"), 60)


def choose(browser, selector, text):
    """Type into a choice that takes what is typed."""
    fill(browser, f"{selector} input", text).send_keys(Keys.ENTER)


def open_library(browser):
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "button[role=tab]")) >= 2, 60)
    browser.find_elements(By.CSS_SELECTOR, "button[role=tab]")[1].click()


def test_a_collection_is_seen_by_who_made_it_alone(collections, url, open_browser, tmp_path):
    browser = open_browser("el")
    browser.get(url)
    assert "Κωδικός πρόσβασης" in wait(browser, lambda: text_of(browser, "form"), 60)
    log_in(browser, url, "Ana")
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

    log_out(browser)
    log_in(browser, url, "Ben")
    open_library(browser)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#documents table"), 60)
    assert not browser.find_elements(By.CSS_SELECTOR, "#collection input")
    assert "Λιμεναρχείο" not in browser.page_source
    click(browser, "#collections > button")
    fill(browser, "#collection-name textarea, #collection-name input", "Ben's")
    click(browser, "#create-collection")
    wait(browser, lambda: "A reader may not do this" in text_of(browser, "#collection-report"), 60)


def test_an_administrator_adds_a_user_and_a_key_that_opens_no_such_tab(collections, url, open_browser):
    browser = open_browser("en")
    log_in(browser, url, "Root")
    click(browser, "#administration-button")
    wait(browser, lambda: "Root" in text_of(browser, "#users table"), 60)
    choose(browser, "#user", "Mia")
    choose(browser, "#groups", "desk")
    fill(browser, "#new-password input", PASSWORD)
    click(browser, "#save-user")
    wait(browser, lambda: "Mia" in text_of(browser, "#users table"), 60)
    (mia,) = [user for user in collections.accounts.users() if user.name == "Mia"]
    assert (mia.role, mia.groups) == (Role.READER, ("desk",))

    fill(browser, "#key-name input, #key-name textarea", "Mia's")
    click(browser, "#key-user input")
    wait(browser, lambda: browser.find_elements(By.XPATH, "//li[@aria-selected='false'][contains(., 'Mia')]"), 60)[
        0
    ].click()
    click(browser, "#make-key")
    key = "return document.querySelector('#new-key input, #new-key textarea')?.value"
    secret = wait(browser, lambda: browser.execute_script(key), 60)
    assert browser.find_elements(By.CSS_SELECTOR, "#new-key button")  # copies it
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{url}/v1/models", headers=headers, trust_env=False).status_code == 200
    assert secret not in text_of(browser, "#keys")
    screenshot(browser, "administration-en")

    log_out(browser)
    log_in(browser, url, "Mia")
    open_library(browser)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#documents table"), 60)
    assert "Administration" not in browser.find_element(By.TAG_NAME, "body").text
    assert not browser.find_elements(By.CSS_SELECTOR, "#administration-button, #users, #save-user")


def test_the_administrators_tab_is_read_from_right_to_left_in_arabic(collections, url, open_browser):
    browser = open_browser("ar")
    log_in(browser, url, "Root")
    click(browser, "#administration-button")
    wait(browser, lambda: "Root" in text_of(browser, "#users table"), 60)
    words = translations()["ar"]
    assert words["last_login"] in text_of(browser, "#users")
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    for part in ("#save-user", "#users table", "#user input", "#audit table"):
        assert browser.execute_script(style, part, "direction") == "rtl", part
    for cell in ("#users th", "#users td"):
        assert browser.execute_script(style, cell, "textAlign") in ("right", "start"), cell
    role = "return document.querySelector('#role input').value"
    assert browser.execute_script(role) == words["role_reader"]
    screenshot(browser, "administration-ar")
