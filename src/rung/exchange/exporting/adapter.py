"""The winner's LoRA adapter as a PEFT folder, and the command that serves it with vLLM."""

import json
import re
import shlex

from rung.errors import UserError
from rung.exchange.exporting.bases import base_model, check_base
from rung.exchange.exporting.files import Files
from rung.exchange.exporting.source import Source
from rung.solver import Solver
from rung.solver.solver import SolverSpec
from rung.task.types import LabelsOutput, SchemaOutput

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM's --max-lora-rank takes (`MaxLoRARanks` of vllm.config.lora, 0.14 and 0.26), but for 1,
which 8 covers and earlier releases may not know."""
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
SERVE = "serve.sh"


async def export_adapter(source: Source) -> Files:
    """`adapter/`, `serve.sh`, and `request.json`: one request as the solver sends it."""
    solver = await source.asked()
    adapter = solver.parts.adapter
    if adapter is None:
        raise UserError(
            f"{solver.candidate.key} has no adapter: only a winner that was fine-tuned on this "
            "machine can be served with vLLM's --lora-modules"
        )
    folder = source.winner_folder / "adapter"
    name = _name(source.task.name)
    files = Files()
    check_base(source, solver.candidate.model, folder / WEIGHTS)
    base = base_model(source, solver.candidate.model, files)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    rank = config["r"]
    fitting = [r for r in RANKS if r >= rank]
    if not fitting:
        raise UserError(f"the adapter has rank {rank}, vLLM serves at most {RANKS[-1]}")
    files.put(f"adapter/{WEIGHTS}", (folder / WEIGHTS).read_bytes())
    named = {**config, "base_model_name_or_path": base}
    files.put(f"adapter/{CONFIG}", json.dumps(named, indent=2) + "\n")
    command = ["vllm", "serve", base, "--enable-lora", "--lora-modules", f"{name}=./adapter"]
    command += ["--max-lora-rank", str(fitting[0])]
    files.put(SERVE, f'#!/bin/sh\ncd "$(dirname "$0")" && exec {shlex.join(command)}\n')
    files.put("request.json", json.dumps(await _request(source, solver, name), indent=1) + "\n")
    files.note(f"serve it: sh {SERVE}   (on a GPU; {shlex.join(command)})")
    files.note("ask it: curl http://localhost:8000/v1/chat/completions -d @request.json")
    if solver.candidate.context.traits.searches:
        files.note("the passages in request.json are for that input: `rung serve` finds them anew")
    return files


async def _request(source: Source, solver: Solver, name: str) -> dict[str, object]:
    """The first dev input as it is sent; constrained as vLLM does it."""
    example = (source.task.dev or source.task.train or source.task.test)[0]
    messages, _, _ = await solver.messages(example.input)
    prompt = solver.candidate.prompt
    body: dict[str, object] = {
        "model": name,
        "messages": [m.model_dump(exclude_defaults=True) for m in messages],
        "max_tokens": prompt.max_output_tokens,
        "temperature": prompt.temperature,
    }
    constraint = _constraint(solver.spec)
    return {**body, "structured_outputs": constraint} if constraint else body


def _constraint(spec: SolverSpec) -> dict[str, object] | None:
    prompt, output = spec.candidate.prompt, spec.output
    if not prompt.constrained or prompt.reasoning:
        return None
    if isinstance(output, LabelsOutput):
        return {"choice": list(output.labels)}
    return {"json": output.json_schema} if isinstance(output, SchemaOutput) else None


def _name(task: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", task).strip("-") or "adapter"
