"""DSPy's optimizers on the same rows, model and calls as `benchmarks/prompting.py` refines with.

    pip install dspy==3.4.1        (in a virtual environment beside Rung's; not a dependency)
    python benchmarks/prompting_peers.py [--sets a,b] [--model m] [--rows N] [--calls N]
                                         [--optimizers a,b]

The instruction as a signature, retrieved passages as a field where the set has documents, the set's
own scorer as the metric, train and the rows of dev as DSPy's trainset and valset. The form of the
answer stands below the instruction and labels are enforced, as in Rung's plain prompt: under DSPy's
own chat format a model of 135 million weights gives no answer that can be read. `--calls` is what
each optimizer may spend: a call past it fails, as it would on a budget.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any

from prompting import Bench, plain
from rung.behaviour.contract import form_of
from rung.models.base import ChatRequest, Message
from rung.records import Answer
from rung.scorers import scorer_for
from rung.solver import fit
from rung.task.contract import parse, render
from rung.task.types import Example, LabelsOutput

try:
    import dspy
except ImportError:
    sys.exit("DSPy is not installed: pip install dspy==3.4.1 beside Rung, then run this again.")

THREADS = 16
"""Examples that DSPy asks at once."""


class Spent(Exception):
    """No call is left."""


class Local(dspy.BaseLM):  # type: ignore[misc]
    """Rung's engine as DSPy's model; every answered call counts."""

    def __init__(self, bench: Bench, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(model=bench.model, temperature=0.0, max_tokens=96, cache=False)
        self.chat, self.loop, self.left, self.made = bench.tools.raw(bench.model), loop, 0, 0
        self.lock, output = threading.Lock(), bench.task.output
        self.labels = output.labels if isinstance(output, LabelsOutput) else None
        self.form = form_of(output, plain(bench)[0])

    def copy(self, **kwargs: Any) -> Any:
        """The same model: the count is shared."""
        return self

    def forward(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        """See `BaseLM`."""
        with self.lock:
            if self.left <= 0:
                raise Spent
            self.left, self.made = self.left - 1, self.made + 1
        turns = messages or [{"role": "user", "content": prompt}]
        request = ChatRequest(
            messages=tuple(Message(role=m["role"], content=m["content"]) for m in turns),
            choices=self.labels if turns[0]["content"].endswith(self.form) else None,
            max_tokens=96,
            temperature=float(kwargs.get("temperature") or 0.0),
            seed=self.made if kwargs.get("temperature") else 0,
        )
        future = asyncio.run_coroutine_threadsafe(self.chat.reply(request), self.loop)
        reply = future.result()
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        message = SimpleNamespace(content=reply.text, tool_calls=None, reasoning_content=None)
        choice = SimpleNamespace(message=message, finish_reason="stop", logprobs=None)
        return SimpleNamespace(choices=[choice], usage=usage, model=self.model)


class Bare(dspy.ChatAdapter):  # type: ignore[misc]
    """The task's own signature as Rung writes a plain prompt; any other in DSPy's format."""

    def __init__(self, form: str) -> None:
        super().__init__(use_json_adapter_fallback=False)
        self.form = form

    def format(self, signature: Any, demos: Any, inputs: Any) -> Any:
        """Messages."""
        if "answer" not in signature.output_fields or "input" not in inputs:
            return super().format(signature, demos, inputs)
        turns = [{"role": "system", "content": f"{signature.instructions}\n\n{self.form}"}]
        for demo in (d for d in demos if d.get("answer") and "input" in d):
            turns.append({"role": "user", "content": self.asked(demo)})
            turns.append({"role": "assistant", "content": str(demo["answer"])})
        return [*turns, {"role": "user", "content": self.asked(inputs)}]

    def asked(self, fields: Any) -> str:
        return "\n\n".join([*fields.get("passages", ()), str(fields["input"])])

    def parse(self, signature: Any, completion: str) -> Any:
        """The text is the answer."""
        if set(signature.output_fields) == {"answer"}:
            return {"answer": completion.strip()}
        return super().parse(signature, completion)


class Peer:
    """One set as DSPy sees it: signature, rows, metric."""

    def __init__(self, bench: Bench, loop: asyncio.AbstractEventLoop, rows: int) -> None:
        self.bench, self.loop, self.task = bench, loop, bench.task
        self.scorer = scorer_for(self.task)
        self.lm = Local(bench, loop)
        self.start = plain(bench)[0]
        dspy.configure(lm=self.lm, adapter=Bare(self.lm.form))
        dev = self.task.dev[: self.task.climb.dev_size]
        self.train, self.dev, self.test = map(
            self.rows, (self.task.train, dev, self.task.test[:rows])
        )

    def rows(self, examples: Sequence[Example]) -> list[Any]:
        return self.wait(self._rows(examples))

    def wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def _rows(self, examples: Sequence[Example]) -> list[Any]:
        solver = await fit(self.start, self.task, self.bench.workshop)
        made = []
        for one in examples:
            fields = {"input": one.input_text(), "answer": render(self.task.output, one.expected)}
            if self.reads:
                _, passages, _ = await solver.messages(one.input)
                fields["passages"] = [p.text for p in passages]
            made.append(dspy.Example(**fields, row=one).with_inputs(*self.given))
        return made

    @property
    def reads(self) -> bool:
        return self.start.context.traits.reads

    @property
    def given(self) -> tuple[str, ...]:
        return ("passages", "input") if self.reads else ("input",)

    def program(self) -> Any:
        kinds = {name: (str, dspy.InputField()) for name in self.given}
        if self.reads:
            kinds["passages"] = (list[str], dspy.InputField())
        fields = {**kinds, "answer": (str, dspy.OutputField())}
        return dspy.Predict(dspy.Signature(fields, self.task.instruction))

    def metric(self, row: Any, predicted: Any, *_: Any, **__: Any) -> float:
        """The set's own score of an answer; of none, 0."""
        text = str(getattr(predicted, "answer", ""))
        said = Answer(text=text, **parse(self.task.output, text).model_dump())
        score = self.wait(self.scorer.score(row.row, said))
        return float(score.value or 0.0)

    def told(self, row: Any, predicted: Any, *_: Any, **__: Any) -> Any:
        """The same with what GEPA reflects on."""
        value = self.metric(row, predicted)
        said = "Right." if value == 1 else f"The right answer is: {row.answer}"
        return dspy.Prediction(score=value, feedback=said)

    def mean(self, program: Any, rows: Sequence[Any]) -> float:
        self.lm.left = 10 * len(rows)
        asked = dspy.Evaluate(devset=list(rows), metric=self.metric, num_threads=THREADS,
                              display_progress=False, max_errors=10 * len(rows))  # fmt: skip
        return fmean(float(score) for _, _, score in asked(program).results)


def random_search(peer: Peer, calls: int) -> Any:
    programs = max(1, calls // len(peer.dev) - 4)
    return dspy.BootstrapFewShotWithRandomSearch(
        metric=peer.metric, max_bootstrapped_demos=4, max_labeled_demos=8,
        num_candidate_programs=programs, num_threads=THREADS, max_errors=10**6,
    ).compile(peer.program(), trainset=peer.train, valset=peer.dev)  # fmt: skip


def mipro(peer: Peer, calls: int) -> Any:
    trials = max(1, calls // len(peer.dev) - 3)
    return dspy.MIPROv2(
        metric=peer.metric, auto=None, num_candidates=6, num_threads=THREADS, max_errors=10**6,
        max_bootstrapped_demos=4, max_labeled_demos=4, prompt_model=peer.lm, task_model=peer.lm,
    ).compile(
        peer.program(), trainset=peer.train, valset=peer.dev, num_trials=trials, minibatch=False
    )  # fmt: skip


def gepa(peer: Peer, calls: int) -> Any:
    return dspy.GEPA(
        metric=peer.told, max_metric_calls=calls - len(peer.dev), num_threads=THREADS,
        reflection_lm=peer.lm, track_stats=False,
    ).compile(peer.program(), trainset=peer.train, valset=peer.dev)  # fmt: skip


OPTIMIZERS: dict[str, Callable[[Peer, int], Any]] = {
    "plain": lambda peer, _: peer.program(),
    "BootstrapFewShotWithRandomSearch": random_search,
    "MIPROv2": mipro,
    "GEPA": gepa,
}


def measured(name: str, args: argparse.Namespace, loop: asyncio.AbstractEventLoop) -> None:
    """One set: every optimizer's program on dev's and test's rows, said as it comes."""
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(Bench(name, args.model, Path(folder)), loop, args.rows)
        for called in args.optimizers.split(","):
            peer.lm.left, peer.lm.made = args.calls, 0
            try:
                program, problem = OPTIMIZERS[called](peer, args.calls), ""
            except Exception as error:  # a peer's failure is a finding of its own
                program, problem = None, f"{type(error).__name__}: {error}"[:200]
            row: dict[str, Any] = {"set": name, "model": args.model, "optimizer": called}
            row |= {"calls": peer.lm.made, "problem": problem}
            if program is not None:
                row |= {"dev": peer.mean(program, peer.dev), "test": peer.mean(program, peer.test)}
            print(json.dumps({**row, "n": len(peer.test)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default="snips-intent,tldr-style,wiki-docs-qa")
    parser.add_argument("--model", default="local/smollm2-135m-instruct")
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--calls", type=int, default=600)
    parser.add_argument("--optimizers", default=",".join(OPTIMIZERS))
    args = parser.parse_args()
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    for name in args.sets.split(","):
        measured(name, args, loop)


if __name__ == "__main__":
    main()
