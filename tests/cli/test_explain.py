"""`rung explain`: what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.cli.app import USER_ERROR, main


@pytest.mark.parametrize("option", ["--width=-1", "--width=2", "--budget=-1"])
def test_figures_that_mean_nothing_are_refused(
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["rung", "explain", str(tmp_path), option])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == USER_ERROR
    assert f"Invalid value for '{option.split('=')[0]}'" in capsys.readouterr().err
