"""What `deploy/` says is what the product has: series, options, variables; and the forms hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from rung.cli.app import app
from rung.serve.metrics import Metrics

DEPLOY = Path(__file__).parent.parent / "deploy"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def test_every_series_of_the_dashboard_is_exported() -> None:
    board = json.loads((DEPLOY / "grafana" / "rung.json").read_text())
    asked = " ".join(t["expr"] for panel in board["panels"] for t in panel["targets"])
    types = dict(re.findall(r"^# TYPE (\S+) (\w+)$", Metrics("one", "two").text().decode(), re.M))
    parts = [n + end for n in types if types[n] == "histogram" for end in ("_bucket", "_count")]
    exported = {*types, *parts}
    named = set(re.findall(r"\brung_\w+", asked))
    assert named and named <= exported, named - exported


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml", "Dockerfile"])
def test_commands_and_variables_are_those_of_the_command_line(name: str) -> None:
    text = (DEPLOY / name).read_text()
    serve = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    options = {option for parameter in serve.params for option in parameter.opts}
    assert set(re.findall(r"\"(--[\w-]+)\"", text)) <= options
    known = {parameter.envvar for parameter in serve.params} | {"RUNG_STORE"}
    assert set(re.findall(r"\bRUNG_\w+", text)) <= known


def test_manifests_are_valid() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is missing")
    for manifest in documents("kubernetes.yaml"):
        validate.validate(manifest, "1.33", strict=True)


def test_the_files_that_compose_mounts_are_there() -> None:
    (compose,) = documents("compose.yaml")
    mounts = [m for s in compose["services"].values() for m in s.get("volumes", ())]
    local = [m.split(":")[0] for m in mounts if m.startswith("./")]
    missing = [place for place in local if not (DEPLOY / place).exists()]
    assert missing == ["./metrics.key"]  # the key is made by who serves
