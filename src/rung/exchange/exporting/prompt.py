"""The prompt as files: what is the same for every request, and what changes."""

import json

from rung.behaviour.messages import build_messages, render_passage
from rung.candidate import FURTHER
from rung.exchange.exporting.files import HEADLESS, Files
from rung.exchange.exporting.source import Source
from rung.models.base import Message
from rung.records import Passage
from rung.solver import Solver
from rung.task.types import JsonValue, LabelsOutput, SchemaOutput

INPUT, PASSAGE = "{{input}}", "{{passages}}"


async def export_prompt(source: Source) -> Files:
    """`prompt.json`, `system.txt`, the shots, the form of the answer, and one filled-in request."""
    solver = await source.asked()
    files = Files()
    messages = [m.model_dump(exclude_defaults=True) for m in template(solver)]
    files.put("prompt.json", json.dumps(messages, ensure_ascii=False, indent=1) + "\n")
    files.put("system.txt", messages[0]["content"] + "\n")
    spec, prompt = solver.spec, solver.candidate.prompt
    if spec.shots:
        rows = [json.dumps(s.model_dump(), ensure_ascii=False) for s in spec.shots]
        files.put("shots.jsonl", "\n".join(rows) + "\n")
    if isinstance(spec.output, LabelsOutput):
        files.put("labels.txt", "\n".join(spec.output.labels) + "\n")
    if isinstance(spec.output, SchemaOutput):
        files.put("answer.schema.json", json.dumps(spec.output.json_schema, indent=1) + "\n")
    settings: dict[str, JsonValue] = {
        "model": solver.model,
        "max_tokens": prompt.max_output_tokens,
        "temperature": prompt.temperature,
        "repairs": prompt.repairs,
        "candidate": solver.candidate.key,
    }
    if solver.candidate.then is not None:
        settings |= solver.candidate.model_dump(include=FURTHER)
        files.note(
            f"the same messages go to {solver.candidate.then} where the answer is invalid or "
            "refused" + _or_unsure(solver)
        )
    files.put("settings.json", json.dumps(settings, indent=1) + "\n")
    example = (source.task.dev or source.task.train or source.task.test)[0]
    sent, _, _ = await solver.messages(example.input)
    filled = [m.model_dump(exclude_defaults=True) for m in sent]
    files.put("example.json", json.dumps(filled, ensure_ascii=False, indent=1) + "\n")
    if solver.parts.head is not None:
        files.note(HEADLESS)
    if prompt.shots.chosen_by_input:
        files.note(
            f"the {prompt.shots.k} shots nearest to each input are chosen out of shots.jsonl and "
            "stand before the last turn, the nearest last: prompt.json shows none"
        )
    if solver.candidate.context.traits.searches:
        k = solver.candidate.context.k
        files.note(f"{PASSAGE} stands for {k} retrieved passages, numbered as in example.json")
    return files


def _or_unsure(solver: Solver) -> str:
    below = solver.spec.unsure_below
    return "" if below is None else f", or its confidence is below {below:.4g}"


def template(solver: Solver) -> list[Message]:
    """The messages with `{{input}}` and `{{passages}}` where they change."""
    spec, candidate = solver.spec, solver.candidate
    one = Passage(document_id="", text=PASSAGE)
    passages = (one,) if candidate.context.traits.searches else spec.documents
    shots = spec.shots if not candidate.prompt.shots.chosen_by_input else ()
    made = build_messages(
        spec.instruction,
        solver.contract,
        candidate.prompt,
        shots,
        passages,
        INPUT,
        passages_first=candidate.context.traits.leads,
    )
    if not candidate.context.traits.searches:
        return list(made)
    # The number of the one passage belongs to the passages that take its place.
    last, shown = made[-1], render_passage(1, one, candidate.prompt)
    return [
        *made[:-1],
        last.model_copy(update={"content": last.content.replace(shown, PASSAGE)}),
    ]
