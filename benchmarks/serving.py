"""What the server adds to a request, beside LiteLLM's proxy; and whether it answers as measured.

    python benchmarks/serving.py overhead [--litellm PATH] [--rates 100 300 500] [--seconds 20]
        [--workers 1]
    python benchmarks/serving.py same DIR [--examples 200]

`overhead` puts `rung serve` (traffic log in SQLite, a winner that asks an endpoint) and LiteLLM's
proxy (nothing logged), as many workers each, each with an API key, before the same mock upstream on
loopback, and sends requests at a fixed rate, directly and through each, in turn, several rounds.
Latency counts from when a request was due. Added latency is a quantile through the server less the
same quantile of the direct requests. LiteLLM needs an
environment of its own, because it wants an older `openai`:

    python -m venv ENV && ENV/bin/pip install 'litellm[proxy]', then --litellm ENV/bin/litellm

`same` asks a server the test examples that a climb in DIR measured its winner on, many at once, and
counts the answers that differ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from rung.candidate import Candidate
from rung.models.registry import open_model
from rung.serve.keys import KeyRing
from rung.solver import Solver, SolverSpec, save
from rung.solver.solver import Parts
from rung.task.load import load_task
from rung.task.types import LabelsOutput

PARTS = Path(__file__).parent / "serving_parts"
RUNG = [sys.executable, "-c", "from rung.cli.app import main; main()"]
GOAL = 0.5
"""Of LiteLLM's added p99."""
AT_ONCE = 16
LITELLM_KEY = "sk-" + secrets.token_hex(32)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(command: list[str], url: str, log: Path, **environment: str) -> Iterator[None]:
    """A process that answers at `url`; it and what it started are gone afterwards."""
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        try:
            for _ in range(1200):
                if process.poll() is not None:
                    break
                if answers(url):
                    yield
                    return
                time.sleep(0.1)
            raise SystemExit(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def answers(url: str) -> bool:
    """Whether anything does."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def make_winner(folder: Path, upstream: str) -> None:
    """A winner that asks the upstream."""
    spec = SolverSpec(
        candidate=Candidate(model=f"{upstream}#m"),
        task="trees",
        instruction="Name the tree.",
        output=LabelsOutput(labels=("amber", "birch", "cedar")),
    )
    save(Solver(spec, Parts(chat=open_model(f"{upstream}#m"))), folder / ".rung" / "winner")
    (folder / "rung.toml").write_text(
        '[task]\nname = "trees"\ninstruction = "Name the tree."\nexamples = "none.jsonl"\n'
        '[output]\nlabels = ["amber", "birch", "cedar"]\n[target]\nscore = 0.5\n'
        "[costs]\ninput_usd_per_mtok = 1.0\noutput_usd_per_mtok = 4.0\n"
    )


def load(url: str, model: str, key: str, rate: float, seconds: float) -> dict[str, Any]:
    """One run of the load generator, in a process of its own."""
    command = [sys.executable, str(PARTS / "load.py"), url, model, key, str(rate), str(seconds)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def quantile(values: list[float], share: float) -> float | None:
    """In milliseconds; None where nothing was answered."""
    if len(values) < 2:
        return None
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


def overhead(options: argparse.Namespace) -> dict[str, Any]:
    """Every rate and place, interleaved; all rounds of a place pooled."""
    with tempfile.TemporaryDirectory() as work, ExitStack() as stack:
        folder = Path(work)
        ports = {name: free_port() for name in ("direct", "rung", "litellm")}
        urls = {name: f"http://127.0.0.1:{port}/v1" for name, port in ports.items()}
        models = {"direct": "m", "rung": "trees", "litellm": "m"}
        mock = [sys.executable, str(PARTS / "upstream.py"), str(ports["direct"])]
        stack.enter_context(
            running([*mock, str(options.latency_ms)], urls["direct"], folder / "upstream.log")
        )
        make_winner(folder, urls["direct"])
        keys = {"direct": "none", "rung": KeyRing(folder).add("benchmark"), "litellm": LITELLM_KEY}
        serve = [*RUNG, "serve", str(folder), "--port", str(ports["rung"])]
        serve += ["--workers", str(options.workers)]
        health = f"http://127.0.0.1:{ports['rung']}/health"
        stack.enter_context(running(serve, health, folder / "rung.log"))
        if options.litellm:
            stack.enter_context(litellm(options, folder, ports, urls))
        else:
            del urls["litellm"]
        for name, url in urls.items():
            load(url, models[name], keys[name], 50, 3)  # warm
        rows = []
        for rate in options.rates:
            pooled: dict[str, dict[str, Any]] = {
                name: {"milliseconds": [], "failures": Counter()} for name in urls
            }
            for _ in range(options.rounds):
                for name, url in urls.items():
                    got = load(
                        url, models[name], keys[name], rate, options.seconds / options.rounds
                    )
                    pooled[name]["milliseconds"] += got["milliseconds"]
                    pooled[name]["failures"].update(got["failures"])
            rows.append({"rate": rate, **{name: row(pooled[name], pooled) for name in urls}})
    return {
        "load": round(os.getloadavg()[0], 2),
        "cores": os.cpu_count(),
        "upstream_ms": options.latency_ms,
        "seconds": options.seconds,
        "workers": options.workers,
        "rows": rows,
    }


def row(got: dict[str, Any], pooled: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Quantiles, what was added to the direct ones, and failures."""
    found: dict[str, Any] = {"answered": len(got["milliseconds"]), "failed": dict(got["failures"])}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        own = quantile(got["milliseconds"], share)
        direct = quantile(pooled["direct"]["milliseconds"], share)
        found[f"{name}_ms"] = own and round(own, 2)
        found[f"added_{name}_ms"] = round(own - direct, 2) if own and direct else None
    return found


@contextmanager
def litellm(
    options: argparse.Namespace, folder: Path, ports: dict[str, int], urls: dict[str, str]
) -> Iterator[None]:
    """LiteLLM's proxy as its production guide has it, without a database and without logging."""
    config = folder / "litellm.json"  # JSON is YAML
    parameters = {"model": "openai/m", "api_base": urls["direct"], "api_key": "none"}
    config.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": "m", "litellm_params": parameters}],
                "litellm_settings": {"telemetry": False, "set_verbose": False, "num_retries": 0},
            }
        )
    )
    command = [options.litellm, "--config", str(config), "--host", "127.0.0.1"]
    command += ["--port", str(ports["litellm"]), "--telemetry", "False"]
    command += ["--num_workers", str(options.workers)]
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MASTER_KEY": LITELLM_KEY,
    }
    live = f"http://127.0.0.1:{ports['litellm']}/health/liveliness"
    with running(command, live, folder / "litellm.log", **environment):
        yield


def show_overhead(result: dict[str, Any]) -> None:
    """For people."""
    print(
        f"{result['cores']} cores, load {result['load']} at the end, upstream takes "
        f"{result['upstream_ms']:g} ms, {result['seconds']:g} s for each place and rate, "
        f"{result['workers']} worker{'s' if result['workers'] > 1 else ''}"
    )
    heads = ("p50 ms", "p99 ms", "added p50", "added p99")
    print(f"{'requests/s':>10} {'':8}" + "".join(f"{head:>10}" for head in heads) + "  failed")
    for each in result["rows"]:
        for name in ("direct", "rung", "litellm"):
            if name not in each:
                continue
            r = each[name]
            shown = [r["p50_ms"], r["p99_ms"], r["added_p50_ms"], r["added_p99_ms"]]
            texts = ["–" if v is None else f"{v:.1f}" for v in shown]
            kinds = ", ".join(f"{n} {kind}" for kind, n in r["failed"].items())
            failed = f"{sum(r['failed'].values())} of {r['answered'] + sum(r['failed'].values())}"
            print(
                f"{each['rate']:>10} {name:8}{''.join(f'{text:>10}' for text in texts)}  "
                f"{failed}{f' ({kinds})' if kinds else ''}"
            )
        if "litellm" in each:
            ours, theirs = each["rung"]["added_p99_ms"], each["litellm"]["added_p99_ms"]
            if ours is None or theirs is None:
                print("           no ratio: one of them answered nothing")
            else:
                met = "met" if ours <= GOAL * theirs else "MISSED"
                share = f"{ours / theirs:.2f} of LiteLLM's" if theirs > 0 else "no share"
                print(f"           added p99: {share} (goal {GOAL:g} {met})")


def measured_answers(folder: Path, most: int) -> dict[str, str]:
    """What the winner said to test examples in the climb that chose it."""
    winner = folder / ".rung" / "winner"
    evidence = json.loads((winner / "evidence.json").read_text())
    attempts = folder / ".rung" / "runs" / evidence["run"] / "attempts.jsonl"
    key = evidence["candidate"]["key"]
    rows = map(json.loads, attempts.read_text().splitlines())
    said = {
        r["example_id"]: r["answer"]["text"]
        for r in rows
        if r["candidate"] == key and r["split"] in ("test", "dev") and r["answer"]
    }
    return dict(list(said.items())[:most])


def same(options: argparse.Namespace) -> dict[str, Any]:
    """Ask a server what was measured."""
    import httpx2

    task = load_task(options.folder)
    measured = measured_answers(options.folder, options.examples)
    inputs = {e.id: e.input for e in (*task.test, *task.dev) if e.id in measured}
    port = free_port()

    async def ask_all() -> dict[str, str]:
        slots = asyncio.Semaphore(AT_ONCE)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600) as http:

            async def ask(value: Any) -> str:
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                messages = [{"role": "user", "content": text}]
                body = {"model": task.name, "messages": messages}
                async with slots:
                    made = (await http.post("/v1/chat/completions", json=body)).json()
                if "error" in made:
                    raise SystemExit(f"an error instead of an answer: {made['error']}")
                content: str = made["choices"][0]["message"]["content"]
                return made["rung"]["said"] or content

            said = await asyncio.gather(*map(ask, inputs.values()))
        return dict(zip(inputs, said, strict=True))

    with tempfile.TemporaryDirectory() as work:
        command = [*RUNG, "serve", str(options.folder), "--port", str(port), "--no-log"]
        started = time.perf_counter()
        with running(command, f"http://127.0.0.1:{port}/health", Path(work) / "rung.log"):
            ready = time.perf_counter() - started
            started = time.perf_counter()
            said = asyncio.run(ask_all())
            seconds = time.perf_counter() - started
    differ = sorted(i for i in said if said[i] != measured[i])
    return {
        "asked": len(said),
        "differ": differ,
        "ready_s": round(ready, 1),
        "requests_per_s": round(len(said) / seconds, 1),
    }


def main() -> int:
    """Run one part; 0 when it ran."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("overhead")
    first.add_argument("--litellm", help="the program of an environment of its own")
    first.add_argument("--rates", type=int, nargs="+", default=[100, 300, 500])
    first.add_argument("--seconds", type=float, default=20.0, help="of each place and rate")
    first.add_argument("--rounds", type=int, default=2)
    first.add_argument("--workers", type=int, default=1, help="of each server")
    first.add_argument("--latency-ms", type=float, default=50.0, help="of the upstream")
    second = commands.add_parser("same")
    second.add_argument("folder", type=Path)
    second.add_argument("--examples", type=int, default=200)
    options = parser.parse_args()
    if options.command == "overhead":
        result = overhead(options)
        print(json.dumps(result)) if options.json else show_overhead(result)
        return 0
    result = same(options)
    print(
        json.dumps(result)
        if options.json
        else f"{len(result['differ'])} of {result['asked']} answers differ from the measured ones "
        f"({result['requests_per_s']:g} requests/s, ready after {result['ready_s']:g} s)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
