"""`rung serve` and `rung review` say in one sentence what stands against them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rung.cli.app import app
from rung.cli.serve import announce
from rung.errors import RungError, StoreError, UserError
from rung.models.registry import open_model
from rung.serve.keys import KeyRing
from rung.serve.settings import read_settings
from rung.serve.winner import open_served
from rung.solver import Solver, save
from rung.solver.solver import Parts

from .winners import save_winner, spec

TOML = """[task]
name = "trees"
instruction = "Name the tree."
examples = "none.jsonl"
[output]
labels = ["amber", "birch", "cedar"]
[target]
score = 0.5
"""


def refused(*words: str) -> RungError:
    found = CliRunner().invoke(app, list(words)).exception
    assert isinstance(found, RungError), found
    return found


def test_without_a_winner(tmp_path: Path) -> None:
    for command in ("serve", "review"):
        error = refused(command, str(tmp_path))
        assert isinstance(error, StoreError) and "run `rung climb` first" in str(error)
        assert "Errno" not in str(error)


def test_an_endpoint_without_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = "openai/gpt-4.1-mini"
    save(Solver(spec(model=model), Parts(chat=open_model(model))), tmp_path / ".rung" / "winner")
    for workers in ("1", "2"):
        error = refused("serve", str(tmp_path), "--port", "0", "--workers", workers)
        assert "set OPENAI_API_KEY in the environment" in str(error)


def test_a_port_is_a_port(tmp_path: Path) -> None:
    for command in ("serve", "review"):
        done = CliRunner().invoke(app, [command, str(tmp_path), "--port", "65536"])
        assert done.exit_code == 2 and "less than or equal to 65535" in done.output


def test_on_the_network_without_a_key(tmp_path: Path) -> None:
    save_winner(tmp_path, "http://127.0.0.1:9/v1")
    error = refused("serve", str(tmp_path), "--host", "0.0.0.0")
    assert isinstance(error, UserError) and "rung keys add" in str(error)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("[serve]\nmax_body_kB = 4\n", "did you mean 'max_body_kb'"),
        ("[serve]\nsample = 0\n", "'sample' in [serve] is 0"),
        ("[serve]\nkeep_days = -1\n", "'keep_days' in [serve] is -1"),
        ('[serve]\nredact_also = { order = "(" }\n', "the redaction pattern order='('"),
    ],
)
def test_a_wrong_table(lines: str, told: str, tmp_path: Path) -> None:
    save_winner(tmp_path, "http://127.0.0.1:9/v1")
    (tmp_path / "rung.toml").write_text(TOML + lines)
    assert told in str(refused("serve", str(tmp_path), "--port", "0"))


def test_a_log_that_cannot_be(tmp_path: Path) -> None:
    save_winner(tmp_path, "http://127.0.0.1:9/v1")
    told = str(refused("serve", str(tmp_path), "--port", "0", "--log", "mysql://u:secret@h/d"))
    assert "sqlite:///path or postgresql://" in told and "secret" not in told
    for workers in ("1", "2"):
        flags = ("--port", "0", "--log", "log.sqlite", "--workers", workers)
        told = str(refused("serve", str(tmp_path), *flags))
        assert "'log.sqlite', which is neither a URL nor" in told and "write sqlite:////" in told


def test_what_is_served_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_winner(tmp_path, "http://127.0.0.1:9/v1")
    settings = read_settings(tmp_path, log="postgresql://u:secret@h/d")
    served = open_served(settings)
    announce(settings, served, "http://127.0.0.1:8000")
    told = capsys.readouterr().out
    assert "no API keys: this machine only" in told and served.digest[:12] in told
    assert "every request, redacted, for 90 days, in postgresql://u:***@h/d" in told
    assert "secret" not in told and "costs are not told" in told
    KeyRing(tmp_path).add("web")
    (tmp_path / "rung.toml").write_text(
        TOML + "[costs]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 2\n[serve]\nsample = 0.1\n"
        'redact = false\nkeep_days = "forever"\n'
    )
    settings = read_settings(tmp_path, log="sqlite:////tmp/x")
    announce(settings, open_served(settings), "http://127.0.0.1:8000")
    told = capsys.readouterr().out
    assert "API keys: web" in told and "costs" not in told
    assert "10% of the requests, as it is, for ever, in sqlite:////tmp/x" in told


def test_a_budget_is_no_debt(tmp_path: Path) -> None:
    for command in ("harvest", "promote"):
        done = CliRunner().invoke(app, [command, str(tmp_path), "--budget", "-1"])
        assert done.exit_code == 2 and "greater than or equal to 0" in done.output
