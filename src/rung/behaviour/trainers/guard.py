"""The guard: what a model could before it was tuned, asked again after.

Pairs of sentences that begin alike and differ in one word: which word does the model find likelier
there? (The one-prefix method of BLiMP, arXiv 1912.00582; the sentences are our own.) Tuning that
learns a task by forgetting the language loses them; a change of style does not.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from rung.models.base import Adapter, ChatModel, ChatRequest, Message
from rung.project import write_whole
from rung.state import read_model
from rung.task.types import Frozen, JsonValue, digest

MARGIN = 0.1
"""Loss of a share beyond which an ability counts as lost: more than six of the 60 pairs, about two
standard errors of a paired difference at this size."""
FEWEST_LOST = 2
"""Answers that are lost at least where an ability is: of few, one says nothing."""
THEN = "Ask it nothing but this task."
GUARDS = "guards"
"""Folder of what was asked, beside that of the adapters."""
Kept = TypeVar("Kept", bound=BaseModel)
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

INSTRUCTIONS: tuple[tuple[str, str], ...] = (
    ("What is the capital of France?", "Paris"),
    ("What is the opposite of hot? Answer with one word.", r"(?i)\b(cold|cool)\b"),
    ("What is the opposite of big? Answer with one word.", r"(?i)\b(small|little|tiny)\b"),
    ("Write the numbers from 1 to 5.", r"1\W+2\W+3\W+4\W+5\b"),
    ("Count from one to five in words.", r"(?i)one\W+two\W+three\W+four\W+five"),
    ("Repeat: The train leaves at noon.", "(?i)the train leaves at noon"),
    ("Copy this word: umbrella", r"(?i)\bumbrella\b"),
    ("Copy this code: QX-4711", "QX-4711"),
    ("Is the sun a planet? Answer yes or no.", r"(?i)^\W*no\b"),
    ("Do birds have wings? Answer yes or no.", r"(?i)^\W*yes\b"),
    ("Which is bigger, a mouse or an elephant?", r"(?i)^(?!.*mouse is).*\belephant\b"),
    ("How many days are in a week?", r"(?i)\b(7|seven)\b"),
    ("What is 2 + 3?", r"(?i)\b(5|five)\b"),
    ("Which day comes after Monday?", "Tuesday"),
    ("Say hello in French.", r"(?i)\b(bonjour|salut)\b"),
    ("What is the plural of 'child'?", r"(?i)\bchildren\b"),
    ("Anna has a red hat. What colour is it?", r"(?i)\bred\b"),
    ("Mia lives in Rome, Tom in Oslo. Where does Mia live?", "Rome"),
    ("The meeting is in room 12. Which room is it in?", r"(?i)\b(12|twelve)\b"),
    ("Is this review positive or negative? I loved it.", r"(?i)^(?!.*negative).*\bpositive\b"),
    ('Write JSON with the key "name" and the value "Ada".', r'"name"\s*:\s*"Ada"'),
    ("What is the chemical formula of water?", "H[2₂]O"),
    ("In which country is Tokyo?", "Japan"),
    ("What is the last word of this line: red green blue", r"(?i)^(?!.*(red|green)).*\bblue\b"),
)
"""What is asked, and the regular expression that a right answer holds: our own, each answerable in
a few words and marked without a judge."""


class Ability(Frozen):
    """Which answers of a model were right, in the order of what was asked."""

    right: tuple[bool, ...]

    @property
    def share(self) -> float:
        """Of all."""
        return sum(self.right) / len(self.right)


class Guarded(Frozen):
    """An ability before and after a tuning, as shares of what was asked."""

    before: float
    after: float
    pairs: int = len(PAIRS)
    """How many were asked."""
    of: str = f"general ability, {len(PAIRS)} pairs of sentences"
    then: str = THEN
    """What to do where it is lost."""

    @property
    def lost(self) -> bool:
        """More than the margin."""
        fallen = self.before - self.after
        return fallen > MARGIN and round(fallen * self.pairs) >= FEWEST_LOST

    @property
    def said(self) -> str:
        """In a sentence."""
        lost = ", lost" if self.lost else ""
        return f"{self.of}: {self.before:.2f} before tuning, {self.after:.2f} after{lost}"

    @property
    def told(self) -> dict[str, JsonValue]:
        """As the report keeps it."""
        return {**self.model_dump(mode="json"), "lost": self.lost, "said": self.said}


def guards(took: Mapping[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """What a training told of abilities, as `Guarded.told`, the pairs of sentences first."""
    first = took.get("guard")
    return [*([first] if first else []), *took.get("guards", ())]


async def guarded(model: ChatModel, adapter: Adapter | None, folder: Path) -> Guarded | None:
    """General ability without and with the adapter; None where the model cannot be held to words.

    What was asked is kept in `folder`, by model and adapter.
    """
    if not model.constrains or adapter is None:
        return None

    async def ability(adapter: Adapter | None) -> Ability:
        key = [model.identity, adapter.digest if adapter else None, PAIRS]
        return await once(folder, key, Ability, partial(_ability, model, adapter))

    return Guarded(before=(await ability(None)).share, after=(await ability(adapter)).share)


async def once(
    folder: Path, key: JsonValue, kind: type[Kept], ask: Callable[[], Awaitable[Kept]]
) -> Kept:
    """What `ask` finds, kept in `folder` under `key` and not asked again."""
    place = folder / f"{digest(key)[:20]}.json"
    if place.exists():
        return read_model(place, kind, "delete it and run again")
    answered = await ask()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(place, answered.model_dump_json() + "\n")
    return answered


async def _ability(model: ChatModel, adapter: Adapter | None) -> Ability:
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
    return Ability(right=tuple(instructed))


def _whole(begins: str, word: str) -> str:
    """One choice. Words that begin alike ("swim", "swims") are told apart by what follows, not by
    the end of the turn, which every tuning makes likelier."""
    return f"{begins} {word} today."
