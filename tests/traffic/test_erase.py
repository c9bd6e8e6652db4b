"""`rung erase`: what a person asks to have deleted is gone, and what is not there is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.cli.erase import erase
from rung.errors import UserError
from rung.traffic import open_store

from .records import record


def test_what_is_named_is_gone_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rung.toml").write_text("")
    with pytest.raises(UserError, match="no traffic log"):
        erase(tmp_path, ["a"])
    store = open_store(tmp_path)
    store.add([record(number, id=name) for number, name in enumerate("abc")])
    with pytest.raises(UserError, match="no request 'x' in the log"):
        erase(tmp_path, ["a", "x", "c"])
    assert "erased a, c" in capsys.readouterr().out
    assert [kept.id for kept in store.records()] == ["b"]
    store.close()
