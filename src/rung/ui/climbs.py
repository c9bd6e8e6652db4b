"""Climbs as processes of their own: started from a page, stopped by the signal of Ctrl-C.

A climb is resumable: stopping it loses nothing, starting it again goes on. One that was started in
a terminal is seen and can be stopped like any other, for the lock tells that its process lives.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from rung.errors import UserError
from rung.ui.projects import Project

LOG_FILE = "climb.log"
"""What a climb that was started from a page prints, below `.rung`."""
STARTER = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from rung.cli.app import main; main()"
)
"""`rung` that hears Ctrl-C whatever it inherits: what a script starts behind itself ignores it."""
TAIL = 2_000
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Climbs:
    """The climbs started from this server."""

    def __init__(self) -> None:
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._told: dict[str, int] = {}
        """Process ids that were asked to stop, by project."""

    def start(self, project: Project, flags: list[str]) -> None:
        """Start `rung climb` on a project. Raises `UserError` where one runs already."""
        if self.busy(project):
            raise UserError(f"{project.name} is being climbed already: stop that climb first")
        project.kept.mkdir(exist_ok=True)
        command = [sys.executable, "-c", STARTER, "climb", str(project.folder), *flags]
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
        with (project.kept / LOG_FILE).open("wb") as log:
            self._started[project.slug] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C in the server's terminal is the server's to handle
            )

    def busy(self, project: Project) -> bool:
        """A climb runs, or was started and has not yet said so."""
        process = self._started.get(project.slug)
        return project.live()[1] or (process is not None and process.poll() is None)

    def ending(self, project: Project, pid: int) -> bool:
        """The climb with that process id has told its end, and its process is still going away."""
        process = self._started.get(project.slug)
        return process is not None and process.poll() is None and process.pid == pid

    def stopping(self, project: Project, pid: int) -> bool:
        """The climb with that process id was asked to stop: it ends what it is in the middle of."""
        return self._told.get(project.slug) == pid

    def stop(self, project: Project) -> None:
        """Ask the climb to stop, as Ctrl-C does. Raises `UserError` where none runs."""
        live, running = project.live()
        process = self._started.get(project.slug)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            self._told[project.slug] = process.pid
        elif live is not None and running:
            os.kill(live.pid, signal.SIGINT)
            self._told[project.slug] = live.pid
        else:
            raise UserError(f"{project.name} is not being climbed: there is nothing to stop")

    def failed(self, project: Project) -> str:
        """What a climb started from here complained of at its end; empty where it did not."""
        process = self._started.get(project.slug)
        if process is None or process.poll() not in (1, 2):
            return ""
        return last_words(project.kept / LOG_FILE)

    def stop_all(self, patience_s: float = 10.0) -> int:
        """Stop what was started from here and is still running; returns how many that were."""
        running = [p for p in self._started.values() if p.poll() is None]
        for process in running:
            process.send_signal(signal.SIGINT)
        end = time.monotonic() + patience_s
        for process in running:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()  # nothing is lost: answered calls are kept as they come
        return len(running)


def last_words(log: Path) -> str:
    """The complaint at the end of a log: its last line that begins with `rung:`, or its end."""
    try:
        text = _COLOURS.sub("", log.read_bytes()[-TAIL:].decode("utf-8", "replace"))
    except OSError:
        return ""
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("rung: ")]
    return errors[-1].removeprefix("rung: ") if errors else " ".join(lines[-3:])
