"""The shipped task that needs live knowledge: its server is started, asked, replayed and served."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from rung.candidate import Candidate, Context, Prompt
from rung.models.openai_compatible import OpenAICompatible
from rung.solver import load
from rung.task.load import load_task
from rung.task.types import Models
from scripted_http import Call, Said, ScriptedServer, completion

from .tasks import climb

FOLDER = Path(__file__).parents[2] / "examples" / "aarlund" / "live-stock"
TASK = load_task(FOLDER)


def looked_for(question: str) -> dict[str, str]:
    """The bike that a question names."""
    (tool,) = TASK.tools
    properties: Any = tool.input_schema["properties"]
    named = {}
    for name, schema in properties.items():
        holds = [v for v in schema["enum"] if re.search(rf"(?<!\w){v}(?!\w)", question)]
        (named[name],) = holds
    return named


def stocked() -> dict[tuple[str, ...], dict[str, str]]:
    with (FOLDER / "stock.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["model"], row["size"], row["colour"]): row for row in rows}


def test_every_question_is_answered_by_the_stock_and_no_fact_is_asked_twice() -> None:
    rows, asked = stocked(), set()
    for example in (*TASK.train, *TASK.dev, *TASK.test):
        question = str(example.input)
        bike = tuple(looked_for(question).values())
        what = "count" if str(example.expected).isdigit() else "next"
        assert rows[bike][what] == example.expected
        assert (bike, what) not in asked, "else a shot would tell the answer"
        asked.add((bike, what))
    assert len(asked) == 2 * len(rows)


def reader(call: Call) -> Said | None:
    """Fills the arguments in, calls the tool where it may, and reads what the stock said."""
    turns = call.body["messages"]
    question = next(t["content"] for t in reversed(turns) if t["role"] == "user")
    arguments = json.dumps(looked_for(question.rpartition("\n")[2]))
    if turns[0]["content"].startswith("Fill in the arguments"):
        return completion(arguments, call)
    said = "\n".join(str(t["content"]) for t in turns if t["role"] in ("user", "tool"))
    found = re.search(r": (\d+) in stock\. Next delivery: (\d+ \w+)\.", said)
    if found is None and "tools" in call.body:
        wanted = {"name": "stock", "arguments": arguments}
        made = {"id": "call_0", "type": "function", "function": wanted}
        return completion("", call, "tool_calls", tool_calls=[made])
    if found is None:
        return completion("none", call)
    counts = re.search("how many|count|number|on the shelf", question, re.IGNORECASE)
    return completion(found[1 if counts else 2], call)


@pytest.mark.slow
def test_what_the_stock_says_and_a_model_that_calls_it_are_measured_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("mcp")
    home = tmp_path / "live-stock"
    shutil.copytree(FOLDER, home, ignore=shutil.ignore_patterns(".rung"))
    with ScriptedServer(lambda _: "none", reader) as server:
        chat = OpenAICompatible(server.model)
        short = Prompt(max_output_tokens=16)
        plain = Candidate(model=server.model, prompt=short)
        live = plain.model_copy(update={"context": Context(kind="tool", tool="stock")})
        caller = plain.model_copy(update={"way": "tools"})
        parts = {"models": Models(to_try=(server.model,)), "train": (), "dev": TASK.dev[:4]}
        made = load_task(home).model_copy(update={**parts, "test": TASK.test[:10]})
        priced = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}
        result = climb(
            made.model_copy(update={"costs": priced}),
            home / ".rung",
            chat,  # type: ignore[arg-type]
            candidates=(plain, live, caller),
            everything=True,
            extra={server.model: chat},  # type: ignore[dict-item]
        )
        rows = {row.key: row for row in result.candidates}
        assert rows[live.key].state == rows[caller.key].state == "pass"
        assert rows[plain.key].state not in ("pass", "incomplete")
        assert rows[live.key].technique == "rag" and "+tools~" in caller.key
        (home / "stock.csv").write_text("model,size,colour,count,next\nOtter,S,plum,3,5 May\n")
        monkeypatch.chdir("/")
        solver = load(home / ".rung" / "winner", OpenAICompatible, lambda _: None)  # type: ignore[arg-type, return-value]
        answer = solver.ask("How many plum Otter S are there?")
        assert answer.value == "3", "the winner asks the stock of the present day, from its folder"
        assert [step.name for step in answer.steps] == ["stock"]
