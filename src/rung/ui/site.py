"""What all pages of one server share."""

from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request

from rung import __version__
from rung.audit.labels import Suspect
from rung.solver import SolverSpec
from rung.ui.climbs import Climbs
from rung.ui.guard import Guard
from rung.ui.projects import Kept, Project, Shelf
from rung.ui.tables import Tables

REVIEWER = "reviewer"
MOST_WINNERS = 20


class Site:
    """Projects, rules, and the climbs started from here."""

    def __init__(
        self,
        folders: Sequence[Path],
        key: str | None = None,
        port: int = 0,
        who: str = REVIEWER,
        log: str | None = None,
    ) -> None:
        self.shelf = Shelf(folders)
        self.guard = Guard(key, port)
        self.climbs = Climbs()
        self.tables = Tables(self.shelf)
        self.winners: Kept[SolverSpec] = Kept(MOST_WINNERS)
        """What is served, of the projects whose answers were reviewed last."""
        self.suspects: Kept[list[Suspect]] = Kept(MOST_WINNERS)
        """Labels that look wrong, by project."""
        self.who = who
        """Kept with what is approved, rejected and corrected."""
        self.log = log
        """URL of the traffic log to review; each project's own where it is None."""
        self.version = __version__

    def project(self, request: Request) -> Project:
        """The project that an address names. Raises `NotFound`."""
        return self.shelf.project(request.path_params["project"])

    def run_folder(self, request: Request) -> Path:
        """The run that an address names. Raises `NotFound`."""
        return self.project(request).run(request.path_params["run"])
