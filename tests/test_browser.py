"""The page of `zoo serve` in headless Chromium: every tab, a bad file, two users at once. Slow; needs playwright."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("waitress")
from zoo.serve import TABS  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
]
PICTURES = os.environ.get("ZOO_SCREENSHOTS", "")
"""Folder for pictures of what was seen; none are kept without it."""
ANSWER_MS = 600_000


@pytest.fixture(scope="module")
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "zoo.cli", "serve", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert f":{port}" in server.stderr.readline()
        for _ in range(100):
            try:
                urlopen(f"http://127.0.0.1:{port}/style.css").close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        made = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=arguments)
        yield made
        made.close()


def seen(page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def visit(browser, width: int = 1200):
    """A user of their own; whatever the browser loads from elsewhere, or refuses to load, is kept in `wrong`."""
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.wrong = []
    page.on("request", lambda asked: "127.0.0.1" in asked.url or page.wrong.append(asked.url))
    page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else None)
    return page


@pytest.mark.parametrize("width", [1200, 390])
def test_every_tab_opens_and_nothing_is_wider_than_the_window(browser, address, width):
    page = visit(browser, width)
    for place in ("", *(f"tab/{name}" for name in TABS), "models", "datasets", "models/phase_picker.local"):
        page.goto(f"{address}/{place}")
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        seen(page, f"{place.replace('/', '-') or 'home'}-{width}")
    assert page.wrong == [] or all("favicon" in text or "404" in text for text in page.wrong)


def test_a_bad_file_is_told_in_words(browser, address, tmp_path):
    bad = tmp_path / "map.csv"
    bad.write_bytes(b"\x00 no map at all")
    page = visit(browser)
    page.goto(f"{address}/tab/crust")
    page.set_input_files("#map", bad)
    page.click("#run")
    page.wait_for_selector("[role=alert]", timeout=ANSWER_MS)
    said = page.locator("[role=alert]").inner_text()
    assert said.startswith("zoo: ") and "map-1.csv" in said and "Traceback" not in said
    seen(page, "bad-file")


def test_two_users_at_once_get_their_own_answers(browser, address):
    pages = {name: visit(browser) for name in ("picks", "crust")}
    for name, page in pages.items():
        page.goto(f"{address}/tab/{name}")
        page.click("#example")
        page.wait_for_selector("#state")
    for name, page in pages.items():
        page.wait_for_selector("#files", timeout=ANSWER_MS)
        command = page.locator("pre.command").inner_text()
        assert command.startswith(f"zoo {TABS[name].command} ")
        drawn = page.evaluate("[...document.images].map(i => { i.loading = 'eager'; return i.src })")
        assert drawn and all(re.search(r"/job/[\w-]+/file/\d+$", source) for source in drawn)
        page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert page.locator("#tables table").count() > 0
        seen(page, f"answer-{name}")
        with page.expect_download() as got:
            page.click("text=All as a zip")
        assert got.value.suggested_filename == f"zoo-{name}.zip"
    assert pages["picks"].url != pages["crust"].url
    pages["picks"].click("text=Remove all of it")
    assert pages["picks"].goto(pages["crust"].url).status == 200
