"""The exported adapter is a PEFT folder that says elsewhere what it says here."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from rung.behaviour.trainers import TuningExample, train_lora
from rung.candidate import Candidate, Prompt, Weights
from rung.errors import UserError
from rung.exchange.exporting import export
from rung.exchange.exporting.bases import adapter_sizes
from rung.models.base import ChatRequest, Message
from rung.models.fetch import model_folder
from rung.models.local import open_local
from rung.solver import Solver, SolverSpec, save
from rung.solver.solver import Parts
from rung.task.load import load_task

from .conftest import put

NAME = "local/smollm2-135m-instruct"
TOML = f"""
[task]
name = "codes"
instruction = "Reply with the code."
examples = "examples.jsonl"
[output]
text = {{ max_words = 3 }}
[target]
score = 0.5
[models]
try = ["{NAME}"]
"""
CODES = {"parcel": "ZX-1", "invoice": "QB-7", "jacket": "LM-4"}


@pytest.mark.slow
@pytest.mark.skipif(model_folder(NAME) is None, reason=f"{NAME} is not fetched")
def test_peft_answers_as_the_engine_does(tmp_path: Path) -> None:
    rows = [
        {"input": f"{word} number {i}", "expected": code}
        for i in range(6)
        for word, code in CODES.items()
    ]
    put(tmp_path / "examples.jsonl", rows)
    (tmp_path / "rung.toml").write_text(TOML)
    task, model = load_task(tmp_path), open_local(NAME)
    weights = Weights(kind="lora", rank=12, epochs=6)
    candidate = Candidate(model=NAME, prompt=Prompt(contract=False), weights=weights)
    spec = SolverSpec(
        candidate=candidate, task="codes", instruction=task.instruction, output=task.output
    )

    def turns(text: str) -> tuple[Message, ...]:
        return (
            Message(role="system", content=task.instruction),
            Message(role="user", content=text),
        )

    lessons = [TuningExample(messages=turns(str(r["input"])), answer=r["expected"]) for r in rows]
    done = train_lora(model, lessons, [], weights, tmp_path / "adapter")
    save(Solver(spec, Parts(chat=model, adapter=done.adapter)), tmp_path / ".rung" / "winner")
    made = export(tmp_path, "vllm")
    hub = "HuggingFaceTB/SmolLM2-135M-Instruct"
    named = json.loads((Path(made.folder) / "adapter/adapter_config.json").read_text())
    assert named["base_model_name_or_path"] == hub
    assert f"serve {hub} " in (Path(made.folder) / "serve.sh").read_text()
    weights = tmp_path / ".rung/winner/adapter/adapter_model.safetensors"
    assert adapter_sizes(weights) == {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
    }
    export(tmp_path, "vllm", base=hub)
    export(tmp_path, "vllm", tmp_path / "own", base=str(model_folder(NAME)))
    other = tmp_path / "qwen"
    other.mkdir()
    put_config(other, hidden_size=1536, intermediate_size=8960, num_hidden_layers=28)
    with pytest.raises(UserError, match=r"does not fit .*hidden_size 1536, not 576"):
        export(tmp_path, "vllm", base=str(other))
    with pytest.raises(UserError, match="cannot be checked"):
        export(tmp_path, "vllm", base="Qwen/Qwen2.5-1.5B-Instruct")
    out = Path(made.folder)
    assert sorted(made.files) == [
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "request.json",
        "serve.sh",
    ]
    command = (out / "serve.sh").read_text()
    # vLLM knows no rank of 12: the next one that it takes.
    assert "--lora-modules codes=./adapter --max-lora-rank 16" in command
    assert subprocess.run(["sh", "-n", str(out / "serve.sh")], check=False).returncode == 0
    request = json.loads((out / "request.json").read_text())
    asked = tuple(Message.model_validate(m) for m in request["messages"])
    assert asked == turns(str(task.dev[0].input)) and request["model"] == "codes"
    reply = asyncio.run(
        model.reply(ChatRequest(messages=asked, max_tokens=8, adapter=done.adapter))
    )
    plain = asyncio.run(model.reply(ChatRequest(messages=asked, max_tokens=8)))
    said = by_peft(out / "adapter", request["messages"])
    asyncio.run(model.aclose())
    assert said == reply.text == task.dev[0].expected != plain.text


def put_config(folder: Path, **sizes: int) -> None:
    (folder / "config.json").write_text(json.dumps(sizes))


def by_peft(adapter: Path, messages: list[dict[str, str]]) -> str:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(model_folder(NAME))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # In another type than the engine's, near ties may fall the other way.
    dtype = getattr(torch, open_local(NAME).dtype)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    tuned = PeftModel.from_pretrained(base, str(adapter), autocast_adapter_dtype=False).eval()
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
    ids = ids["input_ids"] if not isinstance(ids, torch.Tensor) else ids
    with torch.inference_mode():
        out = tuned.generate(input_ids=ids, max_new_tokens=8, do_sample=False)
    return str(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)).strip()
