"""A candidate: one way to do the task, as plain hashable data on two axes.

What the model knows is `context`; how it behaves is `prompt` and `weights`. The technique is
never stored: it follows from which slots are filled.
"""

from __future__ import annotations

from typing import Literal

from rung.task.types import FORMAT, Frozen, digest

Technique = Literal["no-llm", "prompting", "full-context", "rag", "fine-tuning", "hybrid"]
NO_LLM = "no-llm/"


class Shots(Frozen):
    """Solved training examples shown as user/assistant turns."""

    kind: Literal["none", "fixed", "nearest"] = "none"
    k: int = 0


class Prompt(Frozen):
    """How the model is asked. `instruction` None means the task's own."""

    instruction: str | None = None
    shots: Shots = Shots()
    reasoning: bool = False
    contract: bool = True
    """Describe the form of the answer in the prompt; tuned candidates have it in the weights."""
    constrained: bool = True
    """Labels and JSON decided by constrained decoding where the model can."""
    repairs: int = 1
    """How often an invalid answer is sent back with the problem named."""
    max_input_chars: int = 20_000
    """Guard: a longer input is refused before any call."""
    max_output_tokens: int = 96
    temperature: float = 0.0


class Context(Frozen):
    """What the model is given to know."""

    kind: Literal["none", "all", "retrieved", "gold"] = "none"
    k: int = 3
    chunk_chars: int = 600
    search: Literal["lexical", "dense", "hybrid"] = "hybrid"


class Weights(Frozen):
    """Base weights, or weights tuned on the prompts that the solver sends.

    `lora` is an adapter trained on this machine; `hosted` is tuned by the model's own provider,
    which the model's name tells.
    """

    kind: Literal["base", "lora", "hosted"] = "base"
    rank: int = 16
    learning_rate: float = 5e-4
    epochs: int = 3
    train_size: int | None = None
    seed: int = 0


class Candidate(Frozen):
    """One way to do the task."""

    model: str
    prompt: Prompt = Prompt()
    context: Context = Context()
    weights: Weights = Weights()
    embedder: str | None = None
    """Set where similarity is used: nearest shots, dense or hybrid search, no-llm."""
    first: Literal["no-llm/nearest", "no-llm/linear"] | None = None
    """A cascade: this one answers where it is sure, the model is asked the rest."""
    fallback: str | None = None
    """A further model, asked the same messages where the answer is invalid after its repairs,
    refused, or less sure than a threshold chosen on dev."""

    @property
    def technique(self) -> Technique:
        """Follows from the slots (framework, section 1)."""
        if self.model.startswith(NO_LLM):
            return "no-llm"
        if self.weights.kind == "base":
            return {
                "none": "prompting",
                "all": "full-context",
                "retrieved": "rag",
                "gold": "rag",
            }[self.context.kind]  # type: ignore[return-value]
        return "fine-tuning" if self.context.kind == "none" else "hybrid"

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that may answer, in the order in which they are asked."""
        return tuple(m for m in (self.first, self.model, self.fallback) if m is not None)

    @property
    def is_probe(self) -> bool:
        """Answers from gold passages: an intervention to learn from, never a thing to ship."""
        return self.context.kind == "gold"

    @property
    def digest(self) -> str:
        """Content hash: equal slots, equal digest."""
        return digest([FORMAT, self])

    @property
    def key(self) -> str:
        """Readable and unique, such as `smollm2-135m-instruct+5-nearest+rag3~1f0c9a`."""
        parts = [short_name(self.model)]
        if self.prompt.shots.kind != "none":
            parts.append(f"{self.prompt.shots.k}-{self.prompt.shots.kind}")
        if self.prompt.reasoning:
            parts.append("reasoning")
        if self.context.kind == "retrieved":
            parts.append(f"rag{self.context.k}")
        elif self.context.kind != "none":
            parts.append({"all": "all-docs", "gold": "gold"}[self.context.kind])
        if self.weights.kind != "base":
            parts.append({"lora": "lora", "hosted": "tuned"}[self.weights.kind])
        if self.first is not None:
            parts.append(f"{self.first.removeprefix(NO_LLM)}-first")
        if self.fallback is not None:
            parts.append(f"else-{short_name(self.fallback)}")
        return "+".join(parts) + "~" + self.digest[:6]


def short_name(model: str) -> str:
    """A model's name as a key shows it: `gpt-4o-mini@localhost:8000` for an endpoint."""
    if "://" in model:
        address, _, name = model.partition("#")
        return f"{name or 'model'}@{address.split('://')[1].split('/')[0]}"
    return model.removeprefix("local/").replace("/", ":")
