"""Failures that say little about a model: answers cut for room, refused, or not to be read."""

from collections.abc import Iterable

from rung.records import Attempt
from rung.records.results import CandidateResult, Hindered, Measured

FAILED = 0.5
"""A score below it is a failure here: less than half of the credit."""


def hindered(attempts: Iterable[Attempt]) -> Hindered:
    """How the failures among the attempts of one candidate ended."""
    failed = [a for a in attempts if a.error_is_final or (a.score is not None and a.score < FAILED)]
    answers = [a.answer for a in failed if a.answer is not None]
    cut = sum(a.finish == "length" for a in answers)
    refused = sum(a.finish == "refused" for a in answers) + len(failed) - len(answers)
    invalid = sum(a.finish == "stop" and not a.valid for a in answers)
    return Hindered(failed=len(failed), cut=cut, refused=refused, invalid=invalid)


def why_hindered(row: CandidateResult) -> str:
    """What most failures behind a row's score have in common; empty where nothing does."""
    seen = _of(row.score)
    most = max((seen.cut, seen.refused, seen.invalid))
    if 2 * most <= seen.failed:
        return ""
    count = f"{most} of {seen.failed} failures were"
    if most == seen.cut:
        more = "" if row.candidate.prompt.fixed_room else " and more"
        return f"{count} cut at {_tokens(row)}{more} tokens"
    return f"{count} {'refused' if most == seen.refused else 'in no form that could be read'}"


def room_was_measured(row: CandidateResult) -> bool:
    """Whether most failures were cut at a limit that the task sets: the model is not known yet."""
    seen = _of(row.score)
    return row.candidate.prompt.fixed_room and 2 * seen.cut > seen.failed


def what_would_help(row: CandidateResult) -> str:
    """The next step that follows from how most failures ended; empty where none does."""
    seen = _of(row.score)
    if room_was_measured(row):
        return f"Give answers more room: [output] max_tokens above {_tokens(row)}, or leave it out."
    if 2 * seen.cut > seen.failed:
        return (
            "More room was given and did not suffice: ask for shorter answers in the instruction, "
            "or set [output] max_tokens to what they need."
        )
    if 2 * seen.refused > seen.failed:
        return (
            "Look at what was refused and in which words (rung show): mend the inputs or the "
            "instruction, or name a model that answers them."
        )
    if 2 * seen.invalid > seen.failed:
        return (
            "Look at the answers (rung show): the form that [output] asks for is what is missed; "
            "name a model or server that keeps to a form, or ask for a simpler one."
        )
    return ""


def _of(measured: Measured | None) -> Hindered:
    return measured.hindered if measured is not None else Hindered()


def _tokens(row: CandidateResult) -> int:
    return row.candidate.prompt.max_output_tokens
