"""On a GPU: what tuning there takes, and that its adapter answers. Not for a machine without one.

    pip install 'rung[trl]' bitsandbytes
    python benchmarks/gpu.py /models/Qwen2.5-0.5B-Instruct [--rows N] [--qlora]

Tunes one adapter by TRL on made-up rows, asks the engine with and without it, and prints tokens a
second, the peak of the GPU's memory and the answers as one JSON object. A quarter of an hour is
more than enough for a model of half a billion parameters.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from rung.behaviour.trainers import TuningExample
from rung.behaviour.trainers import trl as by_trl
from rung.behaviour.trainers.trl import train_trl
from rung.candidate import Weights
from rung.models.base import Adapter, ChatRequest, Message
from rung.models.local import open_local
from rung.models.local.engine import LocalModel
from rung.models.local.machine import device

CODES = {"parcel": "ZX-1", "invoice": "QB-7", "jacket": "LM-4", "battery": "KT-9"}
ASKED = ("Where is my {}?", "The {} is wrong.", "I need help with a {}", "{} please", "My {}!")


def lesson(text: str, code: str) -> TuningExample:
    """One row: the answer is a code that no model knows."""
    turns = (
        Message(role="system", content="Reply with the code of the thing."),
        Message(role="user", content=text),
    )
    return TuningExample(messages=turns, answer=code)


async def answers(model: LocalModel, adapter: Adapter | None) -> list[str]:
    """What is answered to sentences that were not learnt."""
    asked = [lesson(f"Tell me about the {word}, quickly", "") for word in CODES]
    replies = [
        model.reply(ChatRequest(messages=e.messages, max_tokens=8, adapter=adapter)) for e in asked
    ]
    return [reply.text for reply in await asyncio.gather(*replies)]


def main() -> None:
    """Tune, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--qlora", action="store_true")
    args = parser.parse_args()
    if device() != "cuda":
        raise SystemExit("torch sees no GPU here: nothing was measured")
    import torch

    if args.qlora:
        by_trl.takes_four_bits = lambda parameters: True
    pool = [lesson(text.format(word), CODES[word]) for text in ASKED for word in CODES]
    rows = [pool[i % len(pool)] for i in range(args.rows)]
    model = open_local(args.model)
    with tempfile.TemporaryDirectory() as work:
        started = time.perf_counter()
        done = train_trl(
            model,
            (rows, pool),
            Weights(kind="trl", recipe="sized", epochs=2),
            Path(work) / "adapter",
            lambda doing, share: None,
            lambda: False,
        )
        found = {
            "gpu": torch.cuda.get_device_name(),
            "model": args.model,
            "parameters": model.parameters,
            "four_bits": args.qlora,
            "seconds_with_loading": round(time.perf_counter() - started, 1),
            "tokens_a_second": round(done.train_tokens / done.seconds),
            "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
            "dev_losses": done.dev_losses,
            "untuned": asyncio.run(answers(model, None)),
            "tuned": asyncio.run(answers(model, done.adapter)),
            "wanted": list(CODES.values()),
        }
    asyncio.run(model.aclose())
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
