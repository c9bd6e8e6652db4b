"""A page is a function, a template and one line: it is served, and its JSON twin with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader
from starlette.requests import Request
from starlette.testclient import TestClient

from rung.ui import app, pages
from rung.ui.pages import Page
from rung.ui.site import Site

TEMPLATE = "<p>{{ said }}</p>"


def hello(site: Site, request: Request) -> Page:
    return Page("hello.html", "Hello", {"projects": len(site.shelf.projects)}, {"said": "<hello>"})


def test_it_is_served_with_its_twin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app, "PAGES", (*app.PAGES, ("/hello", hello)))
    templates = pages.templates()
    monkeypatch.setattr(
        pages, "templates", lambda: templates.overlay(loader=DictLoader({"hello.html": TEMPLATE}))
    )
    (tmp_path / "rung.toml").touch()
    site = Site([tmp_path])
    client = TestClient(app.create_app(site), base_url="http://127.0.0.1")
    assert client.get("/hello").text == "<p>&lt;hello&gt;</p>"
    assert client.get("/hello.json").json() == {"projects": 1}
