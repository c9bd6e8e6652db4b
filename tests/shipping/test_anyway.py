"""What is not certified is served on a person's word only, and is called unproven wherever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import rung
from rung.cli.app import app
from rung.errors import UserError
from rung.exchange.exporting import export
from rung.loop.shipping.promote import promote
from rung.loop.shipping.winners import Winners
from rung.report.about import flags
from rung.report.reading import read_run

from .test_shipping import (
    PLAIN,
    SHOWN,
    folder,  # noqa: F401 - a fixture
    options,
    shares,
    two_winners,
)


@pytest.fixture
def failed(folder: Path) -> Path:  # noqa: F811
    """A climb that certified nothing: the plain prompt is right on 5 %, with shots on 20 %."""
    opts = options(shares(5, 20), PLAIN, SHOWN)
    assert rung.climb(folder, opts).verdict.status != "sufficient"
    return folder


def test_the_best_is_kept_and_served_only_when_asked_for(failed: Path) -> None:
    project = Winners(failed).project
    assert not project.winner.exists()
    kept = json.loads((project.best / "manifest.json").read_text())["candidate"]
    assert kept == SHOWN.key
    with pytest.raises(UserError, match=r"unproven: 0\.\d+ on \d+ .*at least 0\.3.*--anyway"):
        promote(failed)
    assert not project.promotions.exists()
    assert promote(failed, anyway=True, dry_run=True).swapped is False
    done = promote(failed, anyway=True)
    assert done.swapped and done.outcome == "first" and "does not certify" in str(done.unproven)
    [swap] = Winners(failed).log()
    assert swap.kind == "anyway" and "does not certify" in json.dumps(swap.why)


def test_it_is_marked_wherever_it_shows(failed: Path) -> None:
    said = CliRunner().invoke(app, ["promote", str(failed), "--anyway"])
    assert said.exit_code == 0 and "marked so wherever it shows" in said.output
    doubt = Winners(failed).doubt()
    assert doubt is not None and doubt.startswith("unproven: ")
    assert any(doubt in note for note in export(failed, "prompt").notes)
    run = read_run(Winners(failed).project.newest_run())
    assert any(doubt in flag for flag in flags(run, None))


def test_a_certified_one_is_not_marked_and_ends_the_best(folder: Path) -> None:  # noqa: F811
    rung.climb(folder, options(shares(5, 20), PLAIN))
    assert Winners(folder).project.best.exists()
    rung.climb(folder, options(shares(5, 90), SHOWN))
    assert Winners(folder).doubt() is None and not Winners(folder).project.best.exists()
    assert promote(folder).outcome == "first" and Winners(folder).doubt() is None


def test_one_that_lost_the_test_is_swapped_in_and_marked(folder: Path) -> None:  # noqa: F811
    opts = two_winners(folder, 90, 50)
    refused = promote(folder, opts)
    assert refused.outcome == "worse" and not refused.swapped
    assert refused.alpha_left is not None
    done = promote(folder, opts, anyway=True)
    assert done.outcome == "worse" and done.swapped
    assert "paired test said worse" in str(Winners(folder).doubt())
    Winners(folder).rollback()
    assert Winners(folder).doubt() is None


def test_without_a_comparison_it_is_recorded_why(folder: Path) -> None:  # noqa: F811
    opts = two_winners(folder, 50, 90)
    few = folder / "few.jsonl"
    few.write_text(json.dumps({"input": "Code of part 9999?", "expected": "code-1"}) + "\n")
    with pytest.raises(UserError, match="too few"):
        promote(folder, opts, examples=few)
    done = promote(folder, opts, examples=few, anyway=True)
    assert done.swapped and "too few" in done.instead
    assert Winners(folder).log()[-1].kind == "anyway"
