from __future__ import annotations

from pathlib import Path

import pytest

from .files import Folder, jsonl, rows, toml


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Write files below a fresh folder: `folder({"rung.toml": …})`; 30 examples unless given."""

    def write(files: dict[str, str | bytes]) -> Path:
        every = {"rung.toml": toml(), "examples.jsonl": jsonl(rows(30)), **files}
        for name, content in every.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write
