"""A real browser without a window."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.support.ui import WebDriverWait

needs_chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")

# Leftovers for people, outside the repo.
SHOTS = Path(os.environ.get("ISTHMUS_SHOTS", Path(tempfile.gettempdir(), "isthmus-screenshots")))


def screenshot(browser, name):
    """Keep what the browser shows, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(SHOTS / f"{name}.png"))


def start_browser(language="en", width=1280, height=1000):
    """Chromium that prefers a language; the caller quits it."""
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--window-size={width},{height}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    chromium = shutil.which("chromium")
    assert chromium is not None
    options.binary_location = chromium
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def wait(browser, condition, seconds=180):
    """Wait for a condition; elements that the page replaces meanwhile are looked up again."""
    patient = WebDriverWait(browser, seconds, 0.2, ignored_exceptions=[StaleElementReferenceException])
    return patient.until(lambda _: condition())


def text_of(browser, selector):
    """Text of the last element that fits."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].at(-1)?.textContent || ''", selector
    )
