"""`kill -9` before every single file operation of a swap: a whole winner stands, and a way back."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.candidate import Candidate
from rung.loop.shipping.winners import Winners
from rung.project import ProjectFolder, put_folder, workspace
from rung.solver import Solver, SolverSpec, save
from rung.solver.solver import Parts
from rung.solver.store import digest_of, read_spec
from rung.task.types import TextOutput
from scripted import ScriptedModel

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
EVENTS = {"os.rename", "os.remove", "os.symlink", "os.mkdir", "os.rmdir", "shutil.rmtree"}
MOST = 200


def solver(name: str) -> Solver:
    spec = SolverSpec(
        candidate=Candidate(model="scripted/m"),
        task="trees",
        instruction=name,
        output=TextOutput(max_words=6),
    )
    return Solver(spec, Parts(chat=ScriptedModel(lambda _: name)))


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run in a child that kills itself before its `step`-th operation; False where it ended."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, args: tuple[Any, ...]) -> None:
            nonlocal left
            writes = event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT
            if event in EVENTS or writes:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        except BaseException:
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def age(folder: Path) -> None:
    """What is left looks older than a writer could need."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            os.utime(path, (1e9, 1e9))


def litter(root: Path) -> list[str]:
    kept = ProjectFolder(root)
    return [p.name for f in (kept.folder, kept.winners) for p in f.glob(".*")]


def first(root: Path) -> None:
    """As a climb leaves it: a folder of its own."""
    save(solver("old"), ProjectFolder(root).winner)


def promoted(root: Path) -> None:
    first(root)
    winners = Winners(root)
    winners.serve(winners.place(winners.keep(winners.winner)), "first", None)


@pytest.mark.slow
@pytest.mark.parametrize("before", [first, promoted])
def test_a_promotion_killed_anywhere_is_whole(
    tmp_path: Path, before: Callable[[Path], None]
) -> None:
    outcomes = set()
    before(tmp_path / "0")
    old = digest_of(ProjectFolder(tmp_path / "0").winner)
    new = save(solver("new"), ProjectFolder(tmp_path / "0").challenger)
    for step in range(1, MOST):
        root = tmp_path / str(step)
        shutil.copytree(tmp_path / "0", root, symlinks=True)

        def swap(root: Path = root) -> None:
            winners = Winners(root)
            winners.serve(winners.place(winners.keep(winners.challenger)), "promoted", "better")

        killed = killed_at(step, swap)
        served = read_spec(ProjectFolder(root).winner).instruction  # before anything mends it
        age(ProjectFolder(root).folder)
        winners = Winners(root)
        present = winners.present()
        assert present == (new if served == "new" else old), step
        swaps = [s.now for s in winners.log() if s.kind == "promoted"]
        assert swaps == ([new] if present == new else []), step
        assert litter(root) == [], step
        if present == new:
            assert winners.rollback().now == old == winners.present(), step
        else:
            swap()
            assert winners.present() == new and winners.log()[-1].was == old, step
        outcomes.add((killed, present == new))
        shutil.rmtree(root)
        if not killed:
            break
    assert outcomes == {(True, False), (True, True), (False, True)}


@pytest.mark.slow
def test_a_rollback_killed_anywhere_is_whole(tmp_path: Path) -> None:
    for step in range(1, MOST):
        root = tmp_path / str(step)
        promoted(root)
        save(solver("new"), ProjectFolder(root).challenger)
        winners = Winners(root)
        swap = winners.serve(winners.place(winners.keep(winners.challenger)), "promoted", None)
        killed = killed_at(step, winners.rollback)
        present = winners.present()
        assert present in (swap.was, swap.now)
        assert winners.log()[-1].now == present, step
        shutil.rmtree(root)
        if not killed:
            return
    raise AssertionError("it never ended")


def test_a_climb_killed_while_it_saves_leaves_a_whole_solver(tmp_path: Path) -> None:
    for step in range(1, MOST):
        root = tmp_path / str(step)
        first(root)
        killed = killed_at(step, lambda: save(solver("new"), ProjectFolder(root).winner))  # noqa: B023
        assert read_spec(ProjectFolder(root).winner).instruction in ("old", "new")
        age(ProjectFolder(root).folder)
        save(solver("newer"), ProjectFolder(root).winner)
        assert read_spec(root / ".rung/winner").instruction == "newer"
        assert litter(root) == [], step
        shutil.rmtree(root)
        if not killed:
            return
    raise AssertionError("it never ended")


def test_without_links_the_winner_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refused)
    promoted(tmp_path)
    save(solver("new"), ProjectFolder(tmp_path).challenger)
    winners = Winners(tmp_path)
    winners.serve(winners.place(winners.keep(winners.challenger)), "promoted", None)
    assert not winners.winner.is_symlink() and read_spec(winners.winner).instruction == "new"
    winners.rollback()
    assert read_spec(winners.winner).instruction == "old"


def test_a_moved_project_keeps_its_winner(tmp_path: Path) -> None:
    promoted(tmp_path / "here")
    os.rename(tmp_path / "here", tmp_path / "there")
    assert read_spec(ProjectFolder(tmp_path / "there").winner).instruction == "old"


def test_a_damaged_winner_can_be_rolled_back_from(tmp_path: Path) -> None:
    promoted(tmp_path)
    save(solver("new"), ProjectFolder(tmp_path).challenger)
    winners = Winners(tmp_path)
    swap = winners.serve(winners.place(winners.keep(winners.challenger)), "promoted", None)
    (winners.winner / "solver.json").write_text("{}")
    assert winners.rollback().now == swap.was == winners.present()


def test_work_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    with workspace(tmp_path / "a") as work:
        (work / "half").mkdir()
        age(tmp_path)
        with workspace(tmp_path / "b") as other:
            (other / "made").mkdir()
            put_folder(other / "made", tmp_path / "b")
        assert (work / "half").is_dir() and (tmp_path / "b").is_dir()
    assert not work.exists()
