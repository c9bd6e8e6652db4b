"""Expected queries whose rows a tie decides: another right query returns others."""

from rung.audit.base import NOTHING, Found, one, percent, skip, these
from rung.audit.material import Material
from rung.errors import UserError
from rung.records import Flag
from rung.scorers.execution import Execution
from rung.scorers.sqlite import QueryError
from rung.task.types import SqlOutput


def check(material: Material) -> Found:
    """`ties`: LIMIT cuts between rows that the query's ORDER BY does not tell apart."""
    if not isinstance(material.task.output, SqlOutput):
        return skip("the output is no query")
    try:
        scorer = Execution.for_task(material.task)
    except UserError as problem:
        return skip(str(problem))
    tied = []
    for row in material.rows:
        try:
            if scorer.decided_by_a_tie(row.example):
                tied.append(row.example.id)
        except (QueryError, UserError):
            continue  # the gold's own check says so
    if not tied:
        return NOTHING
    share = len(tied) / len(material.rows)
    return one(
        Flag(
            id="ties",
            severity="warn",
            figure=round(share, 4),
            threshold=0.0,
            source="our own: the expected query run again without its LIMIT",
            text=(
                f"The rows of {these(len(tied), 'expected query', 'expected queries')} "
                f"({percent(share)}) are decided by a tie at LIMIT: the database could return "
                "others as well, so that right answers can differ from them."
            ),
            advice=(
                "Add a column to ORDER BY that tells the rows apart, or ask in the question for "
                "all rows that tie."
            ),
            examples=tuple(tied),
        )
    )
