"""A real browser for tests of pages: Chromium without a network, and all that a page says, asks for or opens, written down."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = next((path for path in ("/usr/bin/chromium", shutil.which("chromium")) if path and Path(path).exists()), None)


@pytest.fixture(scope="session")
def chromium():
    """The browser, one for all tests."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("pages are tested in a browser: pip install playwright")
    if CHROMIUM is None:
        if os.environ.get("HOTMESS_NEEDS_CHROMIUM"):
            pytest.fail("there is no Chromium, although tests of pages must not be skipped here")
        pytest.skip("pages are tested in Chromium: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Open a file in the browser; afterwards: nothing was said on the console, nothing fetched, nothing executed.

    With `loud`, what is said on the console is not held against the page: the policy says what it refused.
    """
    noise, visits = [], []

    def opened(path, *, hash="", before=None, loud=False, **context):
        address = path if isinstance(path, str) else path.as_uri()
        context = {"reduced_motion": "reduce", **context}
        visits.append((chromium.new_context(offline=address.startswith("file:"), **context), address))
        page = visits[-1][0].new_page()
        page.set_default_timeout(60_000)
        if not loud:
            page.on("console", lambda message: noise.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (noise.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("popup", lambda _: noise.append("popup"))
        page.on("request", lambda request: None if request.url.split("#")[0] == address else noise.append(request.url))
        page.route("**/*", lambda route: route.continue_() if route.request.url.split("#")[0] == address else route.abort())
        if before:
            page.add_init_script(before)
        page.goto(address + hash)
        return page

    yield opened
    for context, address in visits:
        for page in context.pages:
            assert page.evaluate("window.__xss") is None
            assert page.url.split("#")[0] == address
        context.close()
    assert not noise, noise


def axe_finds(page):
    """What is hard to use in a page, by rule and element."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python").Axe()
    return [(found["id"], [node["html"] for node in found["nodes"]]) for found in axe.run(page).response["violations"]]
