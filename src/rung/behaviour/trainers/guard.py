"""The guard: what a model could before it was tuned, asked again after.

Pairs of sentences that begin alike and differ in one word: which word does the model find likelier
there? (The one-prefix method of BLiMP, arXiv 1912.00582; the sentences are our own.) Tuning that
learns a task by forgetting the language loses them; a change of style does not.
"""

import asyncio
from pathlib import Path

from rung.models.base import Adapter, ChatModel, ChatRequest, Message
from rung.project import write_whole
from rung.state import read_model
from rung.task.types import Frozen, digest

MARGIN = 0.1
"""Loss of the share of pairs from which general ability counts as lost: six of the 60, about two
standard errors of a paired difference at this size."""
GUARDS = "guards"
"""Folder of what was asked, beside that of the adapters."""
ASKED = (Message(role="user", content="Write one plain English sentence."),)

PAIRS: tuple[tuple[str, str, str], ...] = (
    ("The dogs in the yard", "are", "is"),
    ("The teacher of the twins", "has", "have"),
    ("My brothers", "were", "was"),
    ("Each of the windows", "was", "were"),
    ("The girl who sells flowers", "lives", "live"),
    ("Those boxes", "belong", "belongs"),
    ("The list of names", "is", "are"),
    ("The children near the lake", "play", "plays"),
    ("The man", "opens", "open"),
    ("These books", "cost", "costs"),
    ("Many birds", "fly", "flies"),
    ("A cat with long legs", "jumps", "jump"),
    ("The boy hurt", "himself", "herself"),
    ("The woman saw", "herself", "himself"),
    ("The players blamed", "themselves", "himself"),
    ("My mother taught", "herself", "themselves"),
    ("We wash", "ourselves", "himself"),
    ("I cut", "myself", "yourself"),
    ("She bought this", "car", "cars"),
    ("He reads these", "papers", "paper"),
    ("They painted that", "wall", "walls"),
    ("I know those", "songs", "song"),
    ("Several", "trees", "tree"),
    ("Every", "child", "children"),
    ("Yesterday he", "went", "goes"),
    ("Tomorrow she will", "come", "came"),
    ("They have", "eaten", "ate"),
    ("The letter was", "written", "wrote"),
    ("He has", "broken", "broke"),
    ("She had never", "seen", "saw"),
    ("Last year we", "built", "build"),
    ("The glass was", "broken", "broke"),
    ("He can", "swim", "swims"),
    ("She wants to", "sleep", "sleeps"),
    ("They enjoy", "dancing", "dances"),
    ("He stopped", "talking", "talked"),
    ("This house is bigger", "than", "as"),
    ("She is as tall", "as", "than"),
    ("Nobody has", "ever", "never"),
    ("He did not see", "anything", "nothing"),
    ("There is", "a", "many"),
    ("There are", "two", "the"),
    ("An", "apple", "pear"),
    ("A", "table", "orange"),
    ("He sat on", "the", "of"),
    ("She waited for", "him", "he"),
    ("They gave it to", "us", "we"),
    ("Between you and", "me", "I"),
    ("Grass is", "green", "blue"),
    ("The sun is", "hot", "cold"),
    ("Ice is", "cold", "hot"),
    ("At night the sky is", "dark", "bright"),
    ("Fish live in", "water", "trees"),
    ("Birds have", "wings", "wheels"),
    ("A baby drinks", "milk", "wine"),
    ("We see with our", "eyes", "ears"),
    ("The opposite of big is", "small", "large"),
    ("A week has seven", "days", "hours"),
    ("In winter it is", "cold", "hot"),
    ("Two plus two is", "four", "nine"),
)
"""How both begin, the word that is right, the word that is not."""


class Ability(Frozen):
    """Which of the pairs a model had right, in their order."""

    right: tuple[bool, ...]

    @property
    def share(self) -> float:
        """Of all pairs."""
        return sum(self.right) / len(self.right)


class Guarded(Frozen):
    """General ability before and after a tuning, as shares of the pairs."""

    before: float
    after: float
    pairs: int = len(PAIRS)

    @property
    def lost(self) -> bool:
        """More than the margin."""
        return self.before - self.after > MARGIN

    @property
    def said(self) -> str:
        """In a sentence."""
        return (
            f"general ability, {self.pairs} pairs of sentences: {self.before:.2f} before tuning, "
            f"{self.after:.2f} after{', lost' if self.lost else ''}"
        )


async def guarded(model: ChatModel, adapter: Adapter | None, folder: Path) -> Guarded | None:
    """General ability without and with the adapter; None where the model cannot be held to words.

    What was asked is kept in `folder`, by model and adapter.
    """
    if not model.constrains or adapter is None:
        return None
    before = await _ability(model, None, folder)
    after = await _ability(model, adapter, folder)
    return Guarded(before=before.share, after=after.share)


async def _ability(model: ChatModel, adapter: Adapter | None, folder: Path) -> Ability:
    name = digest([model.identity, adapter.digest if adapter else None, PAIRS])[:20]
    place = folder / f"{name}.json"
    if place.exists():
        return read_model(place, Ability, "delete it and run again")
    replies = await asyncio.gather(
        *(
            model.reply(
                ChatRequest(
                    messages=ASKED,
                    max_tokens=24,
                    choices=(_whole(begins, right), _whole(begins, wrong)),
                    adapter=adapter,
                )
            )
            for begins, right, wrong in PAIRS
        )
    )
    instructed = (
        reply.text.strip() == _whole(begins, right)
        for reply, (begins, right, _) in zip(replies, PAIRS, strict=True)
    )
    ability = Ability(right=tuple(instructed))
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(place, ability.model_dump_json() + "\n")
    return ability


def _whole(begins: str, word: str) -> str:
    """One choice. Words that begin alike ("swim", "swims") are told apart by what follows, not by
    the end of the turn, which every tuning makes likelier."""
    return f"{begins} {word} today."
