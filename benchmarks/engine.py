"""Measures the embedded engine against plain transformers `generate`, on this machine, now.

    python benchmarks/engine.py [--json] [--threads N] [--types]

Four figures: tokens per second on prompts without and with a shared beginning (same prompts and
threads, each side at its better batch size, runs interleaved, best of each), the share of answers
that differ between a request alone and the same request in a batch, and the tokens per second of
training.
Prompts are made of random words (about 220 tokens without, about 400 with a shared beginning),
answers have up to 16 tokens; nothing but the embedded model is needed. `--types` compares the
types of numbers instead: the same 16 prompts, and training on 16 examples, in bf16 and float32.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rung.behaviour.trainers import TuningExample, TuningResult, train_lora
from rung.candidate import Weights
from rung.errors import UserError
from rung.models.base import ChatReply, ChatRequest, Message
from rung.models.fetch import require_model
from rung.models.local import LocalModel, open_local
from rung.models.local.machine import SIZES, thread_count

MODEL = "local/smollm2-135m-instruct"
PROMPTS = 64
ANSWER_TOKENS = 16
BATCH = 16
"""Rows of `generate`: 32 were no faster without a shared beginning, and slower with one."""
ROUNDS = 2
GOALS = {"no_shared_prefix": 1.0, "two_thirds_shared": 2.0}
LABELS = ("billing", "billing dispute", "delivery", "returns", "warranty", "other")
WORDS = re.findall(
    "[a-z]+",
    "order parcel refund late broken invoice card account address change please help today box "
    "customer charged twice missing colour size return label store credit email phone never "
    "arrived week still waiting driver door code neighbour garden wet open torn wrong item",
)


def words(rng: random.Random, count: int) -> str:
    """A sentence-like text of `count` words."""
    return " ".join(rng.choice(WORDS) for _ in range(count))


def request(system: str, user: str, **options: Any) -> ChatRequest:
    """One request with a system and a user turn."""
    turns = (Message(role="system", content=system), Message(role="user", content=user))
    return ChatRequest(messages=turns, **{"max_tokens": ANSWER_TOKENS, **options})


def prompts(shared_words: int, own_words: int, **options: Any) -> list[ChatRequest]:
    """Requests of about equal length; those of `shared_words` begin alike."""
    rng = random.Random(7)
    common = words(rng, shared_words)
    made = []
    for number in range(PROMPTS):
        count = own_words + rng.randint(-own_words // 4, own_words // 4)
        system = common if shared_words else f"{number} {words(rng, 6)}"
        made.append(request(system, words(rng, count), **options))
    return made


def together(model: LocalModel, requests: list[ChatRequest]) -> list[ChatReply]:
    """All requests at once."""

    async def ask() -> list[ChatReply]:
        return await asyncio.gather(*[model.reply(each) for each in requests])

    return asyncio.run(ask())


class Generate:
    """What one would write without Rung: length-sorted, left-padded batches, the same type."""

    def __init__(self, model: LocalModel) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        torch.set_num_threads(thread_count())
        disable_progress_bar()
        self._model = AutoModelForCausalLM.from_pretrained(
            model.folder, dtype=getattr(torch, model.dtype)
        )
        self._tokenizer = AutoTokenizer.from_pretrained(model.folder, padding_side="left")

    def answer(self, requests: list[ChatRequest]) -> int:
        """Answer all; returns the answer tokens made."""
        import torch

        chats = [[turn.model_dump() for turn in each.messages] for each in requests]
        texts = [
            self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            for chat in chats
        ]
        texts.sort(key=lambda text: len(self._tokenizer(text, add_special_tokens=False).input_ids))
        made = 0
        for at in range(0, len(texts), BATCH):
            inputs = self._tokenizer(
                texts[at : at + BATCH], return_tensors="pt", padding=True, add_special_tokens=False
            )
            with torch.inference_mode():
                out = self._model.generate(
                    **inputs, max_new_tokens=ANSWER_TOKENS, do_sample=False, use_cache=True
                )
            new = out[:, inputs.input_ids.shape[1] :]
            made += int((new != self._tokenizer.pad_token_id).sum())
        return made


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def compare(model: LocalModel, plain: Generate, requests: list[ChatRequest]) -> dict:
    """Interleaved rounds, best of each side."""
    read = sum(model.count_tokens(each.messages) for each in requests)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        # A new engine each round: nothing is left over from the round before.
        engine = open_local(MODEL)
        together(engine, [request("warm up", "hello", max_tokens=1)])
        ours.append(timed(lambda: together(engine, requests)))  # noqa: B023
        asyncio.run(engine.aclose())
        theirs.append(timed(lambda: plain.answer(requests)))
    best, best_plain = min(t[0] for t in ours), min(t[0] for t in theirs)
    return {
        "prompt_tokens": read,
        "engine_tokens_per_s": round(read / best),
        "generate_tokens_per_s": round(read / best_plain),
        "ratio": round(best_plain / best, 2),
        "processor_ratio": round(min(t[1] for t in theirs) / min(t[1] for t in ours), 2),
    }


def flips(requests: list[ChatRequest]) -> dict:
    """Answers alone against answers in three batches of other company."""
    engine = open_local(MODEL)
    alone = [together(engine, [each])[0].text for each in requests]
    differ = 0
    for seed in range(3):
        order = list(range(len(requests)))
        random.Random(seed).shuffle(order)
        replies = together(engine, [requests[i] for i in order])
        differ += sum(reply.text != alone[i] for i, reply in zip(order, replies, strict=True))
    asyncio.run(engine.aclose())
    return {"answers": 3 * len(requests), "differ": differ}


def train(model: LocalModel, folder: Path, count: int = 64) -> TuningResult:
    """One epoch on short examples."""
    rng = random.Random(3)
    examples = []
    for _ in range(count):
        turns = request("Name the topic.", words(rng, 40)).messages
        examples.append(TuningExample(messages=turns, answer=rng.choice(LABELS)))
    return train_lora(model, examples, [], Weights(epochs=1), folder)


def measure() -> dict:
    """Everything, as one object."""
    model = open_local(MODEL)
    plain = Generate(model)
    result: dict[str, Any] = {"threads": thread_count(), "load": round(os.getloadavg()[0], 2)}
    result["no_shared_prefix"] = compare(model, plain, prompts(0, 190))
    result["two_thirds_shared"] = compare(model, plain, prompts(240, 120))
    del plain
    with tempfile.TemporaryDirectory() as place:
        tuned = train(model, Path(place) / "adapter")
        result["training_tokens_per_s"] = round(tuned.train_tokens / tuned.seconds)
        result["flips"] = {
            "text": flips(prompts(30, 40, max_tokens=24)),
            "labels": flips(prompts(30, 40, choices=LABELS)),
            "text, adapter": flips(prompts(30, 40, max_tokens=24, adapter=tuned.adapter)),
        }
    return result


def types() -> dict:
    """Of each type of numbers: tokens that are read and learnt in a processor second."""
    result: dict[str, Any] = {}
    for dtype in SIZES:
        os.environ["RUNG_DTYPE"] = dtype
        engine, some = open_local(MODEL), prompts(0, 190, choices=LABELS)[:16]
        together(engine, [request("warm up", "hello", max_tokens=1)])
        _, took = timed(lambda: together(engine, some))  # noqa: B023
        asyncio.run(engine.aclose())
        with tempfile.TemporaryDirectory() as place:
            started = time.process_time()
            tuned = train(engine, Path(place) / "adapter", 16)
            learnt = time.process_time() - started
        result[dtype] = {
            "prompt_tokens_per_processor_s": round(
                sum(engine.count_tokens(each.messages) for each in some) / took
            ),
            "training_tokens_per_processor_s": round(tuned.train_tokens / learnt),
        }
    return result


def show(result: dict) -> None:
    """For people."""
    print(f"threads {result['threads']}, load {result['load']} when started")
    for name, goal in GOALS.items():
        row = result[name]
        met = "met" if row["ratio"] >= goal else "MISSED"
        print(
            f"{name:18} engine {row['engine_tokens_per_s']:>5} tok/s, generate "
            f"{row['generate_tokens_per_s']:>5} tok/s: {row['ratio']:.2f}x (goal {goal}x {met}; "
            f"by processor time {row['processor_ratio']:.2f}x)"
        )
    print(f"training           {result['training_tokens_per_s']} tok/s")
    for name, row in result["flips"].items():
        print(f"alone or in a batch, {name}: {row['differ']} of {row['answers']} answers differ")


def main() -> int:
    """Run all; 0 when it ran, 2 when the model is not there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--threads", type=int, default=thread_count())
    parser.add_argument("--types", action="store_true", help="bf16 against float32 alone")
    options = parser.parse_args()
    # Fixed for both sides: the engine would otherwise leave busy cores to others.
    os.environ["RUNG_THREADS"] = str(options.threads)
    try:
        require_model(MODEL)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if options.types:
        print(json.dumps(types(), indent=1))
        return 0
    result = measure()
    print(json.dumps(result)) if options.json else show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
