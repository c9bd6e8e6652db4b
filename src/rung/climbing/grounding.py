"""What the answers of a run rest on: claims counted against their passages, and what was not known.

Where the text does not tell whether a claim stands in its passages, the task's judge is asked, if
it names one. Nothing that is not known is counted as wrong.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from rung.audit.base import these
from rung.audit.checks.documents import versions
from rung.errors import BudgetExceeded, ProviderError
from rung.knowledge.citations import cite
from rung.knowledge.claims import Claim, Support, claims
from rung.knowledge.lexical import searched_text
from rung.models.base import ChatModel, ChatRequest, Message
from rung.records import Answer, Attempt, Passage
from rung.task.types import Document, Example, Frozen, Task, TextOutput

ASKED = "Do the passages say what the claim says? Say yes or no."
_DATED = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:-(\d\d))?(?:-(\d\d))?(?!\d)")
_NUMBERED = re.compile(r"\b(?:v|version|rev|revision)[\s._-]*(\d+(?:\.\d+)*)", re.I)


class Grounding(Frozen):
    """Counts over the valid answers that were given passages."""

    answers: int
    claims: int
    held: int
    """Claims that stand in the passages they name, or in any where they name none."""
    elsewhere: int
    """In others than those they name."""
    unheld: int
    """A number of theirs stands in no passage."""
    judged_held: int
    """By the judge, of those that the text does not tell."""
    judged_unheld: int
    untold: int
    """Neither text nor judge tells."""
    stale: int
    """Answers that rest on a version of a document that another supersedes."""
    unanswerable: int
    """Examples that have no answer."""
    known_unanswerable: int
    """Of them, those where that was said."""
    refused: int
    """Answerable ones where no answer was given."""
    doubtful: tuple[str, ...] = ()
    """Ids of examples with a claim elsewhere or unheld, or a stale answer."""

    def sentences(self) -> list[str]:
        """For a person."""
        lines = [
            f"{these(self.claims, 'claim')} in {these(self.answers, 'answer')}: {self.held} "
            f"in the passages given, {self.elsewhere} in others than the named ones, {self.unheld} "
            f"with a number that no passage has; of those in words of their own the judge found "
            f"{self.judged_held} in the passages and {self.judged_unheld} not; {self.untold} are "
            "not known.",
            f"{these(self.stale, 'answer')} from a superseded version of a document; "
            f"{self.known_unanswerable} of {self.unanswerable} questions without an answer known "
            f"as such, {self.refused} with one refused.",
        ]
        if self.doubtful:
            lines.append(f"To look at: {', '.join(self.doubtful)}.")
        return lines


async def grounding(
    task: Task, attempts: Sequence[tuple[Example, Attempt]], judge: ChatModel | None
) -> Grounding | None:
    """Of free text that was answered from passages; None where there is none."""
    made = [(e, a.answer) for e, a in attempts if a.answer and a.answer.valid and a.answer.passages]
    if not made or not isinstance(task.output, TextOutput):
        return None
    newer = superseded(task.documents)
    counts, doubtful, asking = Counter[str](), [], []
    for example, answer in made:
        silent = answer.value in ("", None)
        none = all(one in ("", None) for one in example.references)
        counts["unanswerable"] += none
        counts["known_unanswerable"] += none and silent
        counts["refused"] += silent and not none
        claimed = [] if silent else claims(answer.text, answer.passages)
        stale = not silent and _stale(answer, newer)
        counts["stale"] += stale
        counts.update(claim.support for claim in claimed)
        asking += [(claim, answer.passages) for claim in claimed if claim.support == "untold"]
        if stale or any(claim.support in ("elsewhere", "unheld") for claim in claimed):
            doubtful.append(example.id)
    verdicts = await asyncio.gather(*(_judged(judge, *one) for one in asking))
    counted = {name: counts[name] for name in Grounding.model_fields if name != "doubtful"}
    measured = {
        "answers": len(made),
        "claims": sum(counts[name] for name in get_args(Support)),
        "judged_held": verdicts.count(True),
        "judged_unheld": verdicts.count(False),
        "untold": verdicts.count(None),
    }
    return Grounding(**counted | measured, doubtful=tuple(doubtful))


async def _judged(
    judge: ChatModel | None, claim: Claim, passages: Sequence[Passage]
) -> bool | None:
    """Whether the judge finds the claim there; None where it does not say."""
    if judge is None:
        return None
    read = [passages[i] for i in claim.named] or list(passages)
    given = "\n\n".join(searched_text(passage) for passage in read)
    messages = (
        Message(role="system", content=ASKED),
        Message(role="user", content=f"Passages:\n{given}\n\nClaim: {claim.text}"),
    )
    try:
        reply = await judge.reply(
            ChatRequest(messages=messages, max_tokens=4, choices=("yes", "no"))
        )
    except (ProviderError, BudgetExceeded):
        return None
    word = reply.text.strip().lower()
    return True if word.startswith("yes") else False if word.startswith("no") else None


def superseded(documents: tuple[Document, ...]) -> dict[str, Document]:
    """By the id of a document, the version of it that is newer and says something else.

    Which one is newer is told by a date in `meta`, or by a date or number in its title or id.
    """
    by_id = {document.id: document for document in documents}
    newer = {}
    for pair in versions(documents):
        first, second = by_id[pair.first], by_id[pair.second]
        for age in (_date, _number):
            if age(first) and age(second) and age(first) != age(second):
                old, new = sorted((first, second), key=age)
                newer[old.id] = new
                break
    return newer


def _date(document: Document) -> tuple[int, ...]:
    text = f"{document.meta.get('date', '')} {document.title} {document.id}"
    match = _DATED.search(text)
    return tuple(int(part) for part in match.groups() if part) if match else ()


def _number(document: Document) -> tuple[int, ...]:
    match = _NUMBERED.search(f"{document.title} {document.id}")
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _stale(answer: Answer, newer: dict[str, Document]) -> bool:
    """It rests on passages of older versions alone, and not on what the newer ones say."""
    cited = {answer.passages[i].document_id for i in answer.citations}
    if not cited or not cited <= newer.keys():
        return False
    whole = [Passage(document_id=newer[i].id, text=newer[i].text) for i in cited]
    text = re.sub(r"\[[\d\s,]+\]", " ", answer.text)
    return not cite(text, whole)
