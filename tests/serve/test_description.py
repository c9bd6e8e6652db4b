"""The server does what its OpenAPI description says: schemathesis, all checks, finds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from rung.serve.keys import KeyRing

from .upstream import endpoint, served
from .winners import save_winner

pytest.importorskip("schemathesis", reason="schemathesis is not installed")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
LIMITS = """[task]
name = "trees"
instruction = "Name the tree."
examples = "none.jsonl"
[output]
labels = ["amber", "birch", "cedar"]
[target]
score = 0.5
[serve]
most_connections = 500
"""


@pytest.mark.slow
@pytest.mark.parametrize("keys", [False, True], ids=["open", "with keys"])
def test_schemathesis_finds_nothing(keys: bool, tmp_path: Path) -> None:
    (tmp_path / "rung.toml").write_text(LIMITS)
    headers = {}
    if keys:
        key = KeyRing(tmp_path).add("web")
        headers = {"authorization": f"Bearer {key}"}
        config = f'[auth.openapi.key]\nbearer = "{key}"\n'
        (tmp_path / "schemathesis.toml").write_text(config)
    with endpoint() as upstream:
        save_winner(tmp_path, upstream)
        with served(tmp_path) as server:
            body = {"model": "trees", "messages": [{"role": "user", "content": "x"}]}
            url = f"{server.url}/v1/chat/completions"
            known = httpx2.post(url, json=body, headers=headers).json()["id"]
            file = tmp_path / "openapi.json"
            file.write_text(httpx2.get(f"{server.url}/openapi.json", headers=headers).text)
            command = [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                *(str(file), "--url", server.url),
                *("--checks", "all", "--max-examples", "40", "--seed", "6", "--no-color"),
            ]
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "KNOWN_REQUEST": known}
            ended = subprocess.run(
                command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=280
            )
            told = httpx2.get(f"{server.url}/metrics", headers=headers).text
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert "6 selected / 6 total" in ended.stdout
    # It got through to the handlers, not only to their front door.
    assert 'rung_requests_total{status="200"}' in told and "rung_feedback_total{" in told
