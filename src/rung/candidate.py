"""A candidate: one way to do the task, as plain hashable data on two axes.

What the model knows is `context`; how it behaves is `prompt` and `weights`. The technique is
never stored: it follows from which slots are filled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from rung.errors import UserError
from rung.task import wording
from rung.task.types import FORMAT, Frozen, digest

Technique = Literal["no-llm", "prompting", "full-context", "rag", "fine-tuning", "hybrid"]
NO_LLM = "no-llm/"
FURTHER = {"fallback"}
"""Fields of a candidate that name who is asked after its own model."""


class Shots(Frozen):
    """Solved training examples shown as user/assistant turns."""

    kind: Literal["none", "fixed", "nearest"] = "none"
    k: int = 0
    choice: Literal["meaning", "words", "both", "diverse", "labels"] = "meaning"
    """Of the nearest: by embedding, by word search, by both ranks; unlike each other as well; one
    of each answer before any twice."""

    @property
    def shown(self) -> bool:
        """There are some."""
        return self.kind != "none"

    @property
    def chosen_by_input(self) -> bool:
        """Each question has its own."""
        return self.kind == "nearest"


class Prompt(Frozen):
    """How the model is asked. `instruction` None means the task's own."""

    instruction: str | None = None
    shots: Shots = Shots()
    reasoning: bool = False
    contract: bool = True
    """Describe the form of the answer in the prompt; tuned candidates have it in the weights."""
    constrained: bool = True
    """Labels and JSON decided by constrained decoding where the model can."""
    grounded: bool = False
    """Passages stand between tags, and the answer is to come from them alone."""
    head: bool = False
    """Labels: all are scored as wholes, and a head fitted on train chooses among them."""
    repairs: int = 1
    """How often an invalid answer is sent back with the problem named."""
    max_input_chars: int = 20_000
    """Guard: a longer input is refused before any call."""
    max_output_tokens: int = 96
    fixed_room: bool = False
    """An answer that ends in `max_output_tokens` is cut there, not asked again with more."""
    temperature: float = 0.0


def one_of(shelf: Collection[str]) -> Callable[[str], str]:
    """A check that a value is on a shelf, which may have grown since."""

    def check(value: str) -> str:
        if value not in shelf:
            raise ValueError(f"{value!r} is none of {', '.join(shelf)}")
        return value

    return check


def listed(shelf: Collection[str]) -> Any:
    """The shelf's names in a JSON schema."""
    return Field(json_schema_extra={"enum": [*shelf]})


class Traits(NamedTuple):
    """What a kind of context is to the other rooms; `rung.knowledge.contexts` fits it."""

    technique: Technique
    """On base weights."""
    mark: str
    """In a candidate's key; `{k}` is how many passages, `{tool}` the tool's name."""
    reads: bool = True
    """Documents are needed."""
    searches: bool = False
    """Passages are found for each question."""
    leads: bool = False
    """The same for every request: it stands before everything else."""
    probe: bool = False
    """An intervention to learn from, never a thing to ship."""


CONTEXTS = {
    "none": Traits("prompting", "", reads=False),
    "all": Traits("full-context", "all-docs", leads=True),
    "retrieved": Traits("rag", "rag{k}", searches=True),
    "gold": Traits("rag", "gold", searches=True, probe=True),
    "tool": Traits("rag", "{tool}", reads=False, searches=True),
}
"""The shelf's list; a kind's class is in `rung.knowledge.contexts`."""


Cut = Literal["size", "heading", "window", "document"]
"""How `rung.knowledge.chunking` cuts documents into passages."""


class Context(Frozen):
    """What the model is given to know."""

    kind: Annotated[str, AfterValidator(one_of(CONTEXTS)), listed(CONTEXTS)] = "none"
    k: int = 3
    chunk_chars: int = 600
    cut: Cut = "size"
    search: Literal["lexical", "dense", "hybrid"] = "hybrid"
    word_weight: float = 0.5
    """Of hybrid search: how much words count beside vectors, from 0 to 1."""
    rewrite: str | None = None
    """A stage of `rung.knowledge.stages` that words the question anew before it is searched for."""
    rerank: str | None = None
    """One that orders anew what was found."""
    expand: str | None = None
    """One that adds to a passage what stands around it in its document."""
    least: float = 0.0
    """Share of the best passage's score under which others are not handed over."""
    room: int = 0
    """Most characters of passages that are handed over; 0: as many as there are."""
    tool: str = ""
    """Asked for each question (`[[tools]]`): for knowledge, or by `rerank = "endpoint"`."""
    store: str = "embedded"
    """Where the passages lie (`rung.knowledge.stores`)."""
    match: tuple[str, ...] = ()
    """Fields of the input: only passages are found whose `meta` has the same value there."""

    @property
    def traits(self) -> Traits:
        """Of its kind."""
        return CONTEXTS[self.kind]

    @property
    def informs(self) -> bool:
        """Something is given to know."""
        return self.kind != "none"


class Trained(NamedTuple):
    """What a kind of weights is to the other rooms; `rung.behaviour.trainers` trains it."""

    mark: str
    """In a candidate's key."""
    here: bool = True
    """Trained on this machine, and paid by its hours; else bought by the token."""
    prefers: bool = False
    """Trained on the rows, and then on which of two answers is the right one."""


WEIGHTS = {
    "base": Trained(""),
    "lora": Trained("lora"),
    "trl": Trained("lora"),
    "dpo": Trained("dpo", prefers=True),
    "hosted": Trained("tuned", here=False),
}
"""The shelf's list; who trains a kind is in `rung.behaviour.trainers.shelf`."""


class Weights(Frozen):
    """Base weights, or weights tuned on the prompts that the solver sends.

    `lora` is an adapter trained on this machine, `dpo` one that then learnt corrections against
    what they replaced; `hosted` is tuned by the model's own provider, which the model's name tells.
    """

    kind: Annotated[str, AfterValidator(one_of(WEIGHTS)), listed(WEIGHTS)] = "base"
    rank: int = 16
    learning_rate: float = 5e-4
    epochs: int = 3
    rows: int = 8
    """Examples a step."""
    share: float = 1.0
    """Of the steps that all epochs have; the rate's schedule is as much shorter."""
    recipe: Literal["stated", "sized", "found"] = "stated"
    """How `learning_rate` and `rows` are set: as they stand here, by the sizes of model and data,
    or by a race on dev that begins with those."""
    train_size: int | None = None
    seed: int = 0

    @property
    def tuned(self) -> bool:
        """Weights of its own."""
        return self.kind != "base"

    @property
    def bought(self) -> bool:
        """Trained elsewhere, for money."""
        return self.tuned and not WEIGHTS[self.kind].here

    @property
    def prefers(self) -> bool:
        """Trained on corrections against what they replaced, after the rows."""
        return WEIGHTS[self.kind].prefers


class Candidate(Frozen):
    """One way to do the task."""

    model: str
    prompt: Prompt = Prompt()
    context: Context = Context()
    weights: Weights = Weights()
    embedder: str | None = None
    """Set where similarity is used: nearest shots, dense or hybrid search, no-llm."""
    first: Literal["no-llm/nearest", "no-llm/linear", "no-llm/encoder"] | None = None
    """A cascade: this one answers where it is sure, the model is asked the rest."""
    way: str = "converse"
    """How a model that is asked comes to an answer (`rung.solver.ways`)."""
    steps: int = 3
    """Most calls of tools for an answer, where it comes to one by calling tools."""
    teacher: Candidate | None = None
    """Of tuned weights: whose answers to the task's unlabelled inputs are learnt beside the gold
    ones (`rung.solver.teaching`)."""
    fallback: str | None = None
    """A further model, asked the same messages where the answer is invalid after its repairs,
    refused, or less sure than a threshold chosen on dev."""

    @property
    def technique(self) -> Technique:
        """Follows from the slots (framework, section 1)."""
        if self.model.startswith(NO_LLM):
            return "no-llm"
        if not self.weights.tuned:
            return self.context.traits.technique
        return "hybrid" if self.context.informs else "fine-tuning"

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that may answer, in the order in which they are asked."""
        return tuple(m for m in (self.first, self.model, self.fallback) if m is not None)

    @property
    def then(self) -> str | None:
        """The language model that is asked where this one's answer does not stand."""
        return self.fallback

    def chained_to(self, other: str | None) -> Candidate:
        """The same, with another model asked then; None: none."""
        return self.model_copy(update={"fallback": other})

    @property
    def is_probe(self) -> bool:
        """Answers from gold passages: an intervention to learn from, never a thing to ship."""
        return self.context.traits.probe

    @property
    def uses_llm(self) -> bool:
        """A language model is asked, at least where another is not sure."""
        return not self.model.startswith(NO_LLM)

    @property
    def learns(self) -> bool:
        """Training examples are shown, fitted or tuned on."""
        fitted = not self.uses_llm or self.first is not None
        return fitted or self.prompt.shots.shown or self.prompt.head or self.weights.tuned

    @property
    def digest(self) -> str:
        """Content hash: equal slots, equal digest."""
        return _digest(self)

    @property
    def key(self) -> str:
        """Readable and unique, such as `smollm2-135m-instruct+5-nearest+rag3~1f0c9a`."""
        parts = [short_name(self.model)]
        if self.prompt.shots.shown:
            shots = self.prompt.shots
            by = "" if shots.choice == "meaning" else f"-{shots.choice}"
            parts.append(f"{shots.k}-{shots.kind}{by}")
        if self.prompt.head:
            parts.append("head")
        if self.prompt.reasoning:
            parts.append("reasoning")
        if self.context.traits.mark:
            mark = self.context.traits.mark.format(k=self.context.k, tool=self.context.tool)
            parts.append(mark)
        if self.way != "converse":
            parts.append(self.way)
        if self.weights.tuned:
            parts.append(WEIGHTS[self.weights.kind].mark)
        if self.teacher is not None:
            parts.append(f"of-{short_name(self.teacher.model)}")
        if self.first is not None:
            parts.append(f"{self.first.removeprefix(NO_LLM)}-first")
        if self.fallback is not None:
            parts.append(f"else-{short_name(self.fallback)}")
        return "+".join(parts) + "~" + self.digest[:6]


@lru_cache(maxsize=1024)
def _digest(candidate: Candidate) -> str:
    """Asked for with every answer."""
    return digest([FORMAT, candidate])


def short_name(model: str) -> str:
    """A model's name as a key shows it: `gpt-4o-mini@localhost:8000` for an endpoint."""
    if "://" in model:
        address, _, name = model.partition("#")
        return f"{name or 'model'}@{address.split('://')[1].split('/')[0]}"
    return model.removeprefix("local/").replace("/", ":")


def later_models(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Models in the order in which they are to be tried, each with those that may be asked after.

    Raises `UserError` where there is no second one.
    """
    tried = tuple(dict.fromkeys(names))
    if len(tried) < 2:
        raise UserError(
            f"[climb] fallback = true needs a second model to fall back to, but [models] try names "
            f"only {', '.join(tried)}: add one, or take the setting out"
        )
    return {name: tried[place:] for place, name in enumerate(tried, 1)}


def full_key(wanted: str, keys: Iterable[str]) -> str:
    """The key that was meant: itself, or the only one that begins so, as a whole or in its hash.

    Raises `UserError` where none or several do.
    """
    known = list(dict.fromkeys(keys))
    ways = {key: (key, key.rpartition("~")[2]) for key in known}
    begun = [key for key in known if wanted in ways[key]] or [
        key for key in known if wanted and any(way.startswith(wanted) for way in ways[key])
    ]
    if len(begun) == 1:
        return begun[0]
    hint = f"it may be {wording.listed(begun)}" if begun else wording.did_you_mean(wanted, known)
    raise UserError(f"no single candidate is named {wanted!r}; {hint}")
