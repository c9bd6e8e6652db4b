"""A real Chromium for tests of pages, and a page that remembers what went wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome")
     if (found := shutil.which(name))), None,
)  # fmt: skip
NEEDED = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
MARKS = [pytest.mark.slow, NEEDED]


@contextmanager
def launched() -> Iterator[Any]:
    """A browser."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as control:
        # Chromium's own sandbox cannot start as root, which containers often are.
        made = control.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


class Seen:
    """A page of a browser with everything that went wrong and everything it asked for."""

    def __init__(self, browser: Any, allowed: Callable[[str], bool], **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self._allowed = allowed
        self.page.on("console", lambda m: m.type in ("error", "warning") and self._note(m.text))
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: (self._note("dialog"), dialog.dismiss()))

    def _note(self, text: str) -> None:
        self.wrong.append(text)

    def close(self) -> None:
        """Nothing went wrong, and no request left the page."""
        assert not self.wrong
        assert all(self._allowed(url) for url in self.asked), self.asked
        self.page.close()


def serious(page: Any) -> list[Any]:
    """What axe finds serious on a page whose policy is set aside for it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    found = axe.Axe().run(page).response["violations"]
    return [
        (v["id"], [n["html"][:200] for n in v["nodes"][:3]])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]
