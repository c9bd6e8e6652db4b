"""Local models that compute on a Ray cluster: the same answers, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

import rung
from climbing.tasks import EMBEDDER, label_task
from rung.errors import MissingExtraError, ProviderError, UserError
from rung.measure.executors import executor_of, on_ray
from rung.measure.executors.on_ray import TRIES, OnRay, Pool
from rung.models.base import Adapter, ChatModel, ChatReply, ChatRequest, Message
from rung.models.fetch import model_folder
from rung.models.local import open_local
from rung.records import Usage
from rung.task.types import Models
from scripted import ScriptedEmbedder, ScriptedModel

SPEAKS = "local/smollm2-135m-instruct"
real = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed"),
    pytest.mark.skipif(model_folder(SPEAKS) is None, reason=f"{SPEAKS} is not fetched"),
]


def ask(text: str, **how: Any) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),), **how)


class FakeRay:
    """What the pool asks of Ray, in this process: replicas answer, die or never come up."""

    class RayError(Exception):
        pass

    class RayTaskError(RayError):
        def __init__(self, cause: Exception) -> None:
            super().__init__("ray::reply() (pid=7)\nTraceback\nits last line")
            self.cause = cause

    def __init__(self, answers: Callable[[int], Any], comes: Callable[[int], bool], cpus: int = 2):
        self.exceptions = SimpleNamespace(RayError=self.RayError, RayTaskError=self.RayTaskError)
        self.answers, self.comes, self.cpus = answers, comes, cpus
        self.begun, self.ended, self.asked = 0, list[int](), list[int]()

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": float(self.cpus), "GPU": float(self.gpus)}

    available_resources = cluster_resources
    gpus = 0
    options: Mapping[str, Any] = MappingProxyType({})

    def remote(self, _: type) -> Any:
        def made(*_: Any) -> Any:
            self.begun += 1
            number = self.begun

            async def ready() -> int:
                if not self.comes(number):
                    raise self.RayError("no module named rung")
                return number

            async def reply(*_: Any) -> Any:
                self.asked.append(number)
                await asyncio.sleep(0)
                said = self.answers(number)
                if isinstance(said, Exception):
                    raise said
                return said

            def call(work: Any) -> Any:
                return SimpleNamespace(remote=work)

            return Replicated(number, call(ready), call(reply))

        def options(**how: Any) -> Any:
            self.options = how
            return SimpleNamespace(remote=made)

        return SimpleNamespace(options=options)

    def kill(self, replica: Any) -> None:
        self.ended.append(replica.number)

    def cancel(self, _: Any) -> None:
        pass


class Replicated:
    def __init__(self, number: int, ready: Any, reply: Any) -> None:
        self.number, self.ready, self.reply = number, ready, reply


def asking(ray: FakeRay, calls: int) -> list[Any]:
    async def all_of() -> list[Any]:
        pool = Pool(ray)
        asked = (pool.ask("m", "m", f"{n}", None) for n in range(calls))
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert all(load == 0 for load in pool._load.values())
        pool.close()
        return found

    return asyncio.run(all_of())


def test_calls_go_to_whoever_has_least_to_do() -> None:
    ray = FakeRay(lambda n: f"said by {n}", lambda _: True, cpus=4)
    assert len(asking(ray, 40)) == 40
    assert sorted(ray.asked.count(n) for n in range(1, 5)) == [10] * 4 and ray.begun == 4


def test_a_replica_that_dies_is_replaced_and_its_calls_are_asked_elsewhere() -> None:
    died = FakeRay.RayError("the actor died")
    ray = FakeRay(lambda n: died if n == 1 else "said", lambda _: True)
    assert asking(ray, 10) == ["said"] * 10
    assert ray.begun == 3 and 1 in ray.ended  # killed once more: it may only be out of reach
    assert len(ray.asked) == 10 + ray.asked.count(1)


def test_a_call_that_kills_every_replica_is_given_up_and_never_scored() -> None:
    ray = FakeRay(lambda _: FakeRay.RayError("out of memory"), lambda _: True)
    (error,) = asking(ray, 1)
    assert isinstance(error, ProviderError) and not error.final and not error.outage
    assert len(ray.asked) == TRIES and f"{TRIES} processes of the cluster died" in str(error)


@pytest.mark.parametrize(
    "raised", [ProviderError("too long", status=400), UserError("not fetched on this node")]
)
def test_what_a_model_raises_there_is_raised_here_and_not_asked_again(raised: Exception) -> None:
    ray = FakeRay(lambda _: FakeRay.RayTaskError(raised), lambda _: True)
    assert asking(ray, 1) == [raised] and len(ray.asked) == 1
    other = FakeRay(lambda _: FakeRay.RayTaskError(ValueError("odd")), lambda _: True)
    (error,) = asking(other, 1)
    assert isinstance(error, ProviderError) and "ValueError: odd" in str(error)


def test_where_no_replica_comes_up_the_model_is_out() -> None:
    ray = FakeRay(lambda _: "said", lambda _: False)
    errors = asking(ray, 3)
    assert all(isinstance(e, ProviderError) and e.outage for e in errors), errors
    assert ray.begun <= TRIES + 1 and "no module named rung" in str(errors[0])
    some = FakeRay(lambda _: "said", lambda n: n == 2)
    assert asking(some, 5) == ["said"] * 5 and some.begun <= TRIES + 2


def test_one_replica_a_gpu_whose_answers_are_others_than_a_processors() -> None:
    ray = FakeRay(lambda _: "said", lambda _: True, cpus=8)
    ray.gpus = 2
    assert asking(ray, 9) == ["said"] * 9 and ray.begun == 2 and ray.options["num_gpus"] == 1
    model = SimpleNamespace(name="local/m", context_window=9, parameters=10**9)
    model.identity_on = lambda place: f"m@1-{place}"
    assert on_ray._Placed(model, Pool(ray)).identity == "m@1-cuda"
    plain = Pool(cores := FakeRay(lambda _: "said", lambda _: True))
    assert on_ray._Placed(model, plain).identity == "m@1-cpu"
    plain._begun()
    assert "num_gpus" not in cores.options and cores.options["memory"] > 2 * 10**9


def test_nodes_compute_in_the_drivers_type(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def ask(_: Any, *call: Any) -> str:
        asked.append(call[0])
        return ChatReply(text="", usage=Usage()).model_dump_json()

    monkeypatch.setattr(Pool, "ask", ask)
    model = SimpleNamespace(name="local/m", context_window=9, parameters=10**8)
    model.identity_on = lambda place: f"m@1-{place}"
    for dtype in ("float32", "bfloat16"):
        monkeypatch.setenv("RUNG_DTYPE", dtype)
        placed = on_ray._Placed(model, Pool(FakeRay(lambda _: "", lambda _: True)))
        request = ChatRequest(messages=(Message(role="user", content="?"),))
        asyncio.run(placed.reply(request))
        assert asked.pop() == ("local/m", dtype, "m@1-cpu")


def test_a_cluster_without_a_free_core_is_said() -> None:
    with pytest.raises(UserError, match="no CPU of the Ray cluster is free"):
        Pool(FakeRay(lambda _: "", lambda _: True, cpus=0))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rung\[ray\]'"):
        executor_of("ray")()


@pytest.mark.lengthy
def test_nothing_is_imported_or_begun_for_a_model_that_computes_elsewhere(tmp_path: Path) -> None:
    code = "import sys, rung, rung.cli.app, rung.climbing.run; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    if find_spec("ray") is not None:
        model, there = ScriptedModel(lambda _: "amber"), OnRay("auto")
        assert there.placed(model) is model and there._pool is None


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")
def test_a_cluster_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"ray://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UserError, match=f"no Ray cluster can be reached at '{address}'"):
        on_ray._connect(OnRay(address)._ray, address)


# With a real Ray.


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights with the tokens of the embedded one, and an adapter for it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    speaks = model_folder(SPEAKS)
    assert speaks is not None
    folder = tmp_path_factory.mktemp("models") / "small"
    kept = ("*.safetensors", "config.json", "rung*", "card*", "*manifest*")
    shutil.copytree(speaks, folder, ignore=shutil.ignore_patterns(*kept))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.5,
    )
    network = LlamaForCausalLM(config)
    network.save_pretrained(folder)
    lora = LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False)
    get_peft_model(network, lora).save_pretrained(folder.with_name("adapter"))
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[OnRay]:
    """One Ray for the tests of a model, begun as a climb begins it."""
    there = executor_of("ray")()
    assert isinstance(there, OnRay)
    told = signal.getsignal(signal.SIGTERM)
    on_ray._connect(there._ray, "local")
    assert signal.getsignal(signal.SIGTERM) is told, "SIGTERM still ends a climb as Ctrl-C does"
    yield there
    there._ray.shutdown()


def together(model: ChatModel, requests: list[ChatRequest]) -> list[ChatReply]:
    async def all_of() -> list[ChatReply]:
        return await asyncio.gather(*map(model.reply, requests))

    return asyncio.run(all_of())


def plain(replies: list[ChatReply]) -> list[ChatReply]:
    """Without what a clock says, or what else was in a batch."""
    used = ("input_tokens", "output_tokens")
    return [
        r.model_copy(
            update={"latency_s": 0, "usage": Usage(**{n: getattr(r.usage, n) for n in used})}
        )
        for r in replies
    ]


class TestReal:
    pytestmark = real

    def test_a_climb_there_is_a_climb_here(
        self, small: Path, cluster: OnRay, tmp_path: Path
    ) -> None:
        task = label_task(test=40, models=Models(to_try=(str(small),), embedder=EMBEDDER))
        found = {}
        for where in ("here", "ray", "again"):
            options = rung.ClimbOptions(
                folder=tmp_path / where.replace("again", "ray"),
                executor="ray" if where == "again" else where,
                embedders={EMBEDDER: ScriptedEmbedder()},
                only=("prompting",),
                everything=True,
            )
            found[where] = rung.climb(task, options)
        here, there, again = found.values()
        assert here.verdict == there.verdict == again.verdict and here.run == there.run
        assert there.calls.made == here.calls.made > 40 and again.calls.made == 0
        measured = [[(r.key, r.state, r.dev, r.test) for r in f.candidates] for f in (here, there)]
        assert timeless(measured[0]) == timeless(measured[1])
        attempts = [
            (tmp_path / where / "runs" / here.run / "attempts.jsonl").read_text()
            for where in ("here", "ray")
        ]
        assert answers(attempts[0]) == answers(attempts[1])

    def test_a_call_with_an_adapter_and_one_that_is_refused(
        self, small: Path, cluster: OnRay
    ) -> None:
        from rung.models.local.card import sha256_file

        folder = small.with_name("adapter")
        digest = sha256_file(folder / "adapter_model.safetensors")
        how = {"adapter": Adapter(path=str(folder), digest=digest), "max_tokens": 6}
        requests = [ask(f"What is {n}?", **how) for n in range(4)]
        requests += [ask("Which?", choices=("red", "green"), scored=True)]
        model = open_local(small)

        async def both() -> None:
            there = OnRay().placed(model)
            replies = await asyncio.gather(*map(there.reply, requests))
            assert plain(list(replies)) == plain([await model.reply(r) for r in requests])
            with pytest.raises(ProviderError, match="exceeds the window") as refused:
                await there.reply(ask("word " * 3000))
            assert refused.value.final
            there.identity = "another"
            with pytest.raises(ProviderError, match="where another is asked") as other:
                await there.reply(ask("hi"))
            assert other.value.asks_nothing_more
            await model.aclose()

        asyncio.run(both())

    def test_a_replica_that_is_killed_in_the_middle_loses_nothing(
        self, small: Path, cluster: OnRay, capfd: pytest.CaptureFixture[str]
    ) -> None:
        model = open_local(small)
        requests = [ask(f"Say something about {n}.", max_tokens=40) for n in range(60)]
        wanted = plain(together(model, requests))

        async def killed() -> list[ChatReply]:
            there = OnRay()
            placed = there.placed(model)
            await placed.reply(requests[0])
            assert there._pool is not None
            victim = await next(iter(there._pool._load)).ready.remote()
            answered = list[int]()

            async def one(n: int) -> ChatReply:
                reply = await placed.reply(requests[n])
                answered.append(n)
                if len(answered) == 5:
                    os.kill(victim, signal.SIGKILL)
                return reply

            replies = await asyncio.gather(*map(one, range(len(requests))))
            await there.aclose()
            await model.aclose()
            return list(replies)

        assert plain(asyncio.run(killed())) == wanted
        assert capfd.readouterr().out == "", "Ray writes nothing beside a climb's own words"

    def test_another_version_there_is_said(
        self, cluster: OnRay, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cluster._ray.shutdown()
        real_version = on_ray.version

        def version(name: str) -> str:
            return real_version(name) + "9"

        monkeypatch.setattr(on_ray, "version", real_version)
        ray = SimpleNamespace(**{n: getattr(cluster._ray, n) for n in ("init", "get", "shutdown")})

        def remote(**how: Any) -> Any:
            monkeypatch.setattr(on_ray, "version", version)
            return lambda _: cluster._ray.remote(**how)(real_version)

        ray.remote = remote
        with pytest.raises(UserError, match=r"runs Rung 0.*, here is 0.*9: install the same"):
            on_ray._connect(ray, "local")


def timeless(rows: list[Any]) -> list[Any]:
    return [
        (key, state, *(None if m is None else m.model_dump(exclude={"usage"}) for m in measured))
        for key, state, *measured in rows
    ]


def answers(lines: str) -> set[str]:
    """Who said what to which example, and what it scored."""
    from rung.records import Attempt

    attempts = map(Attempt.model_validate_json, lines.splitlines())
    return {
        repr((a.candidate, a.split, a.example_id, a.score, a.details, a.answer and a.answer.text))
        for a in attempts
    }
