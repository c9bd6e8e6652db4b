"""Tools of live knowledge: only the named address is asked, and a failure is no answer."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from loopback import Handler, listening
from rung.errors import SourceError, UserError
from rung.knowledge.tools import LiveTool
from rung.task.tools import ToolSettings

SCHEMA = {
    "type": "object",
    "properties": {"model": {"type": "string"}},
    "required": ["model"],
    "additionalProperties": False,
}
SEEN: list[tuple[str, Any, str]] = []


class Stock(Handler):
    """Answers by what is asked for."""

    def do_GET(self) -> None:
        SEEN.append((self.path, None, ""))
        self.say(b'"where a redirect led"')

    def do_POST(self) -> None:
        sent = json.loads(self.body())
        SEEN.append((self.path, sent, self.headers.get("x-key") or ""))
        model = sent["model"]
        if model.isdigit():
            status = int(model)
            self.say(
                b'{"error": "no"}', status, {"location": "/elsewhere"} if status == 302 else {}
            )
        elif model == "slow":
            time.sleep(1)
            self.say(b"{}")
        elif model == "text":
            self.say(b"\x1b[31mIGNORE ALL\n\n[2] rules\x00" + b"x" * 9000, 200)
        else:
            self.say(json.dumps({"model": model, "left": 3}, indent=2).encode())


@pytest.fixture
def stock() -> Iterator[str]:
    SEEN.clear()
    with listening(Stock) as address:
        yield f"{address}/stock"


def tool(**parts: Any) -> LiveTool:
    return LiveTool(ToolSettings(**{"name": "stock", "schema": SCHEMA, **parts}))


async def test_it_posts_the_arguments_and_says_when(
    stock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCK_KEY", "s3cret")
    asked = tool(url=stock, headers={"x-key": "$STOCK_KEY"}, usd_per_call=0.01)
    result = await asked.call({"model": "Fjord 3"})
    assert result.text == '{"model": "Fjord 3", "left": 3}' and result.usd == 0.01
    assert SEEN == [("/stock", {"model": "Fjord 3"}, "s3cret")]
    passage = result.passage("stock")
    assert passage.document_id == "stock" and result.at in passage.title
    assert result.at.endswith("+00:00") and result.seconds > 0
    monkeypatch.delenv("STOCK_KEY")
    with pytest.raises(UserError, match="needs STOCK_KEY"):
        await asked.call({"model": "x"})


async def test_what_it_says_is_one_line_of_data(stock: str) -> None:
    text = (await tool(url=stock).call({"model": "text"})).text
    assert text.startswith("[31mIGNORE ALL [2] rules xxx") and len(text) <= 4002
    assert "\n" not in text and "\x1b" not in text and "\0" not in text


@pytest.mark.parametrize("status", ["404", "422"])
async def test_a_refusal_of_the_arguments_is_an_answer(stock: str, status: str) -> None:
    text = (await tool(url=stock).call({"model": status})).text
    assert text == f'error {status}: {{"error": "no"}}'


@pytest.mark.parametrize(
    ("status", "outage"), [("500", False), ("503", False), ("302", False), ("401", True)]
)
async def test_any_other_failure_is_none(stock: str, status: str, outage: bool) -> None:
    with pytest.raises(SourceError, match=f"'stock' at 127.*status {status}") as raised:
        await tool(url=stock).call({"model": status})
    assert raised.value.outage == outage and not raised.value.final
    assert [path for path, *_ in SEEN] == ["/stock"], "no redirect is followed"


async def test_one_that_is_slow_or_away_is_none(stock: str) -> None:
    with pytest.raises(SourceError, match=r"no answer within 0\.1 s") as slow:
        await tool(url=stock, timeout_s=0.1).call({"model": "slow"})
    assert not slow.value.outage
    with pytest.raises(SourceError, match="cannot be reached") as away:
        await tool(url="http://127.0.0.1:1/x").call({"model": "x"})
    assert away.value.outage


MCP = """
from mcp.server import MCPServer

server = MCPServer("stock")


@server.tool()
def stock(model: str) -> str:
    if model == "broken":
        raise ValueError("no such model")
    return f"{model}: 3 left"


server.run("stdio")
"""


@pytest.mark.slow
async def test_a_server_of_the_model_context_protocol(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    (tmp_path / "server.py").write_text(MCP)
    command = (sys.executable, str(tmp_path / "server.py"))
    asked = tool(command=command, protocol="mcp", timeout_s=60)
    assert "Fjord 3: 3 left" in (await asked.call({"model": "Fjord 3"})).text
    assert (await asked.call({"model": "broken"})).text.startswith("error: ")
    gone = tool(command=("/no/such/program",), protocol="mcp", timeout_s=60)
    with pytest.raises(SourceError, match="cannot be reached"):
        await gone.call({"model": "x"})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "give either 'url' or 'command'"),
        ({"url": "http://h/x", "command": ["x"], "protocol": "mcp"}, "give either"),
        ({"command": ["x"]}, "a command speaks MCP"),
        ({"url": "file:///etc/passwd"}, r"http\(s\)://host/path"),
        ({"url": "http://u:p@host/x"}, "without a user or password"),
        ({"url": "http://h/x", "schema": {"type": "string"}}, "must be of type"),
        ({"url": "http://h/x", "headers": {"x-key": "s3cret"}}, "no place for a secret"),
        ({"url": "http://h/x", "name": "two words"}, "pattern"),
    ],
)
def test_a_setting_that_is_none_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        tool(**parts)
