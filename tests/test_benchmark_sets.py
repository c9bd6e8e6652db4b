"""Every set of benchmarks/sets is a task that Rung can read, and its gold answers are right."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from rung.scorers import grade_gold
from rung.task.config import read_config
from rung.task.load import load_task

ROOT = Path(__file__).resolve().parents[1]
SETS = sorted(path.parent for path in (ROOT / "benchmarks" / "sets").glob("*/rung.toml"))
DATA = ROOT.parent / "shared" / "data"
present = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")


@pytest.fixture(scope="module")
def ladder():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import ladder

    yield ladder
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture
def cut_sets(ladder, tmp_path, monkeypatch):
    """A copy of the sets with the cut ones made, where `../../../../shared` leads to the data."""
    sets = tmp_path / "rung" / "benchmarks" / "sets"
    shutil.copytree(ROOT / "benchmarks" / "sets", sets, ignore=shutil.ignore_patterns(".rung"))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data").symlink_to(DATA)
    monkeypatch.setattr(ladder, "SETS", sets)
    for path in SETS:
        ladder.cut(path.name)
    return sets


def test_the_order_names_every_set(ladder) -> None:
    shipped = {path.parent.name for path in ladder.SHIPPED.glob("*/rung.toml")}
    assert set(ladder.ORDER) == {path.name for path in SETS} | shipped
    assert len(ladder.ORDER) == len(set(ladder.ORDER))


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.name)
def test_the_file_is_valid_and_named_after_its_folder(path: Path) -> None:
    assert read_config(path / "rung.toml").task.name == path.name


@present
@pytest.mark.slow
async def test_every_set_loads_and_its_gold_scores_full_marks(cut_sets) -> None:
    for path in SETS:
        task = load_task(cut_sets / path.name)
        assert min(len(task.train), len(task.dev), len(task.test)) >= 20, path.name
        await grade_gold(task)


@present
def test_a_cut_is_the_same_twice_and_shares_nothing_between_its_files(cut_sets, ladder) -> None:
    folder = cut_sets / "banking12" / ".rung" / "data"
    before = {p.name: p.read_text() for p in folder.iterdir()}
    shutil.rmtree(folder)
    ladder.cut("banking12")
    assert {p.name: p.read_text() for p in folder.iterdir()} == before
    train, test = (set(before[f"{name}.jsonl"].splitlines()) for name in ("train", "test"))
    assert (len(train), len(test)) == (120, 132) and not train & test
