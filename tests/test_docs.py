"""Every command, option, path and link that the docs name is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from rung.cli.app import app

ROOT = Path(__file__).parent.parent
GENERATED = {"cli.md"}
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in GENERATED),
]
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"^(?:\.venv/bin/)?rung ([^#|;&>]*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROOTED = re.compile(r"^(?:src|docs|tests|examples|benchmarks)/[\w./-]+$")
IN_SOURCE = re.compile(r"^[a-z_]+(?:/[a-z_]+)*/[a-z_]+\.(?:py|toml)$")


def command_lines(text: str) -> Iterator[str]:
    """What is typed after `rung`, in a line of a block or between backticks."""
    fenced = FENCE.findall(text)
    for line in (line.strip() for block in fenced for line in block.splitlines()):
        if found := COMMAND.match(line):
            yield found[1]
    for span in SPAN.findall(FENCE.sub("", text)):
        if found := COMMAND.match(span):
            yield found[1]


def misuse(line: str) -> str:
    """What the app does not know of a command line; empty where it knows all."""
    words = shlex.split(re.sub(r"[\[\]]", " ", line))
    at: Any = get_command(app)
    path = ["rung"]
    while words and hasattr(at, "commands") and not words[0].startswith("-"):
        if words[0] not in at.commands:
            return f"{' '.join(path)} knows no {words[0]!r}"
        path.append(words[0])
        at = at.commands[words.pop(0)]
    options = {name for one in at.params for name in (*one.opts, *one.secondary_opts)}
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    unknown = used - options - {"--help"}
    return f"{' '.join(path)} has no {', '.join(sorted(unknown))}" if unknown else ""


def test_what_the_app_does_not_know_is_seen() -> None:
    assert misuse("climb DIR --budget 5 --only rag") == misuse("keys add DIR NAME") == ""
    assert misuse("clim DIR") == "rung knows no 'clim'"
    assert misuse("keys make DIR") == "rung keys knows no 'make'"
    assert misuse("climb DIR --cheap") == "rung climb has no --cheap"
    assert list(command_lines("```\n.venv/bin/rung climb DIR  # first\n```\nor `rung ui`")) == [
        "climb DIR  ",
        "ui",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one(page: Path) -> None:
    lines = list(command_lines(page.read_text(encoding="utf-8")))
    assert [f"rung {line}: {said}" for line in lines if (said := misuse(line))] == []


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub links to them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    lost = []
    for span in SPAN.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if ROOTED.match(span) and "NAME" not in span and not (ROOT / span).exists():
            lost.append(span)
        elif IN_SOURCE.match(span) and not ROOTED.match(span) and "rung.toml" not in span:
            places = (ROOT / "src" / "rung" / span, ROOT / "docs" / span, page.parent / span)
            if not any(place.exists() for place in places):
                lost.append(span)
    assert lost == []
