"""Prompts that a model cannot read whole."""

from rung.audit.base import NOTHING, Found, skip, these, verb
from rung.audit.material import Material
from rung.decide.room import input_chars
from rung.records import Flag
from rung.task.contract import describe, render

LONGEST = 5
"""Inputs that are counted token by token for each model: the longest, in characters."""


def check(material: Material) -> Found:
    """`window-exceeded`: the plain prompt and its answer are longer than a model's window."""
    if not material.windows:
        return skip("no model could be asked for its window")
    task = material.task
    system = "\n".join(part for part in (task.instruction, describe(task.output)) if part)
    order = sorted(range(len(material.rows)), key=lambda i: (-len(material.inputs[i]), i))
    guard = min(input_chars(task, name, w.tokens) for name, w in material.windows.items())
    refused = [i for i in order if len(material.inputs[i]) > guard]
    worst, narrow, least = 0, "", 0
    over: list[int] = []
    for name, window in material.windows.items():
        for i in order[:LONGEST]:
            answer = window.measure("", render(task.output, material.rows[i].example.expected))
            need = window.measure(system, material.inputs[i]) + answer
            if need > window.tokens:
                over.append(i)
                if need > worst:
                    worst, narrow, least = need, name, window.tokens
    if not over and not refused:
        return NOTHING
    sentences = []
    if over:
        rows = len(set(over))
        more = " or more" if rows == LONGEST else ""
        sentences.append(
            f"{these(rows, 'example')}{more} {verb(rows, 'need')} up to {worst:,} tokens with "
            f"the answer, and {narrow} reads {least:,}"
        )
    if refused:
        sentences.append(
            f"{these(len(refused), 'input')} {verb(len(refused), 'exceed')} the guard of "
            f"{guard:,} characters"
        )
    return Found(
        (
            Flag(
                id="window-exceeded",
                severity="warn",
                figure=worst or len(material.inputs[refused[0]]),
                threshold=least or guard,
                source="the model's own context window" if over else "Rung's guard on inputs",
                text="; ".join(sentences) + ": they count as wrong, whatever the model could do.",
                advice="Shorten these inputs, cut them before they are asked, try a model with a "
                "larger window, or set max_input_chars in [models.settings].",
                examples=material.most_suspicious([*dict.fromkeys(over), *refused]),
            ),
        )
    )
