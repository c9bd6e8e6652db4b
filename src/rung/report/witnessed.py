"""What an audit looks at where a task was climbed before: its newest run bears witness too."""

from pathlib import Path

from rung.audit import Material
from rung.climbing.auditing import material_outside_a_climb
from rung.climbing.ledger import row_name, shown_names
from rung.diagnose.witnesses import Witness
from rung.errors import RungError
from rung.project import ProjectFolder
from rung.records import Attempt
from rung.report.reading import read_run
from rung.task.types import Task


async def material_of_task(task: Task) -> Material:
    """The task with everything that the checks look at, and its newest run where there is one."""
    return await material_outside_a_climb(task, witnesses(task))


def witnesses(task: Task) -> list[Witness]:
    """The candidates of the newest run of this very task, with their answers.

    None to test examples that nobody was shown: whom they fail on would be told by their names.
    """
    try:
        run = read_run(ProjectFolder(task.root or Path()).newest_run())
    except RungError:
        return []
    if run.result.fingerprint != task.fingerprint():
        return []
    shown = shown_names(task.root)
    unseen = {e.id for e in task.test if row_name(e) not in shown}
    attempts: dict[str, dict[str, Attempt]] = {}
    for attempt in run.attempts:
        if attempt.split != "test" or attempt.example_id not in unseen:
            attempts.setdefault(attempt.candidate, {})[attempt.example_id] = attempt
    return [
        Witness(row.key, row.technique, attempts[row.key])
        for row in run.result.candidates
        if row.key in attempts and not row.candidate.is_probe
    ]
