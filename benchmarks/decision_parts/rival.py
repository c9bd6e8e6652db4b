"""AgentOpt 0.1.0's arm elimination on replayed tables, in an environment of its own.

The package is not a dependency of Rung: it is installed into a virtual environment in the user's
cache on first use, and the comparison is skipped with the reason where that fails.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

PACKAGE = "agentopt-py==0.1.0"
WORKER = Path(__file__).with_name("rival_worker.py")


@dataclass(frozen=True)
class Replay:
    """The arm that each run called best, and the calls it made per arm."""

    chosen: np.ndarray
    calls: np.ndarray


def replay_tables(tables: np.ndarray) -> Replay | str:
    """Run it on 0/1 tables of shape (runs, arms, examples); a reason where it cannot run."""
    python = _environment()
    if isinstance(python, str):
        return python
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "tables.npy", Path(folder) / "result.npz"
        np.save(given, tables.astype(np.int8))
        try:
            done = subprocess.run(
                [str(python), "-I", str(WORKER), str(given), str(made)],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return f"the worker did not finish ({type(error).__name__})"
        if done.returncode != 0:
            return f"the worker failed: {done.stderr.strip().splitlines()[-1:]}"
        with np.load(made) as result:
            return Replay(result["chosen"], result["calls"].astype(float))


def _environment() -> Path | str:
    home = user_cache_path("rung") / "benchmarks" / "agentopt-0.1.0"
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    ready = home / "ready"
    if ready.is_file():
        return python
    try:
        venv.create(home, with_pip=True, clear=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", PACKAGE, "numpy"],
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{PACKAGE} cannot be installed ({type(error).__name__})"
    ready.touch()
    return python
