"""Embedders behind endpoints: what is sent and read, and what a server's whims come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rung.errors import SourceError, UserError
from rung.models.hosted_embedder import BATCH_TEXTS, HostedEmbedder
from rung.models.metered import Metered, is_hosted, prompted, reads
from rung.models.registry import open_embedder
from rung.task.endpoints import EndpointSettings
from scripted_embeddings import SIZE, embedded, embeddings, tokens, vector
from scripted_http import Behaviour, Said, ScriptedServer, each, error, in_window, refuses, web_page

KEY = "sk-very-secret-key-1234"


def serving(*behaviours: Behaviour) -> ScriptedServer:
    return ScriptedServer(lambda call: "no chat here", *behaviours)


def at(server: ScriptedServer, **settings: object) -> HostedEmbedder:
    return HostedEmbedder(f"{server.url}#embeds", EndpointSettings.model_validate(settings))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.models.asking._BACK_OFF", lambda state: 0.0)


async def failure(embedder: HostedEmbedder, texts: Sequence[str] = ("a",)) -> SourceError:
    with pytest.raises(SourceError) as raised:
        await embedder.embed(list(texts))
    assert KEY not in str(raised.value)
    return raised.value


async def test_unit_vectors_in_the_order_asked_in_batches() -> None:
    texts = [f"text number {n}" for n in range(2 * BATCH_TEXTS + 1)]
    with serving(embeddings()) as server:
        vectors = await at(server).embed(texts)
    assert sorted(len(c.body["input"]) for c in server.calls) == [1, BATCH_TEXTS, BATCH_TEXTS]
    assert all(c.body["model"] == "embeds" and "dimensions" not in c.body for c in server.calls)
    expected = np.array([vector(t) for t in texts])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert vectors.dtype == np.float32 and np.allclose(vectors, expected, atol=1e-6)


@pytest.mark.parametrize("usage", [True, False])
async def test_tokens_are_put_down_and_no_seconds(usage: bool) -> None:
    texts = ["one two three", "four"]
    with serving(embeddings(usage=usage)) as server:
        embedder = Metered(at(server))
        with reads() as read:
            _, seconds = await embedder.embed_metered(texts)
    assert is_hosted(embedder) and seconds == [0.0, 0.0]
    (one,) = read
    assert one.usage.model == embedder.name and one.seconds > 0
    counted = one.usage.usage.input_tokens
    assert counted == tokens(texts) if usage else counted > 0


async def test_a_busy_server_is_waited_for_and_a_broken_answer_asked_again() -> None:
    with serving(
        each(2, Said({"error": {"message": "oops"}}, 500)), in_window(2, 0.3), embeddings()
    ) as server:
        embedder = at(server, requests_per_minute=600)
        vectors = await embedder.embed([f"text {n}" for n in range(3 * BATCH_TEXTS)])
    assert len(vectors) == 3 * BATCH_TEXTS


@pytest.mark.parametrize(
    "said",
    [
        error("batch size 64 > maximum allowed batch size 32", 422),
        error("at most 32 requests can be in one batch"),
        error("payload too large", 413),
    ],
)
async def test_a_server_that_takes_fewer_gets_fewer(said: Said) -> None:
    def many(call: object) -> bool:
        return len(call.body["input"]) > 32  # type: ignore[attr-defined]

    texts = [f"text {n}" for n in range(BATCH_TEXTS)]
    with serving(refuses(many, said), embeddings()) as server:
        assert len(await at(server).embed(texts)) == BATCH_TEXTS
    assert [len(c.body["input"]) for c in server.calls] == [64, 32, 32]


async def test_a_text_that_is_too_long_is_cut_as_here() -> None:
    said = error("This model's maximum context length is 10 tokens")
    long = refuses(lambda c: any(len(t) > 40 for t in c.body["input"]), said)
    with serving(long, embeddings()) as server:
        vectors = await at(server).embed(["a" * 100, "short"])
    assert embedded(server.calls)[-2:] == ["a" * 25, "short"] and len(vectors) == 2


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (lambda c: error("no such model", 404), "knows no such model or address"),
        (lambda c: error("bad key " + KEY, 401), "does not accept the key"),
        (web_page(), "sent no vector for each of 1 texts"),
        (lambda c: Said({"data": []}), "sent no vector for each of 1 texts"),
        (lambda c: Said({"data": [{"embedding": "AAAA"}]}), "sent no vector"),
        (lambda c: Said({"data": [{"embedding": [0.0, 0.0]}]}), "without a direction"),
        (lambda c: Said(b'{"data": [{"embedding": [NaN, 1.0]}]}'), ""),
        (lambda c: error("encoding_format is not allowed"), "could not be asked (400"),
    ],
)
async def test_what_cannot_be_embedded_is_a_source_that_failed(
    behaviour: Behaviour, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_API_KEY", KEY)
    with serving(behaviour) as server:
        problem = await failure(at(server))
        assert len(server.calls) <= 4
    assert words in str(problem) and not problem.final


async def test_a_server_that_is_not_there_is_an_outage() -> None:
    with serving() as server:
        embedder = at(server)
    problem = await failure(embedder)
    assert problem.outage and "cannot be reached" in str(problem)


async def test_another_length_of_vectors_is_refused() -> None:
    sizes = iter([8, 9])
    with serving(lambda c: embeddings(next(sizes))(c)) as server:
        embedder = at(server)
        await embedder.embed(["a"])
        assert "vectors of 9 numbers, and 8 are expected" in str(await failure(embedder))
    with serving(lambda c: embeddings(SIZE)(c._replace(body={**c.body, "dimensions": SIZE}))) as s:
        assert "64 numbers, and 32 are expected" in str(await failure(at(s, dimensions=32)))
        assert s.calls[0].body["dimensions"] == 32


def test_names_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "rung.toml").write_text(
        '[task]\ninstruction = "x"\nexamples = "x.jsonl"\n[output]\ntext = {}\n'
        '[target]\nscore = 0.5\n[models.settings."openai/text-embedding-3-small"]\n'
        'dimensions = 256\nprompts = { query = "query: " }\n'
    )
    embedder = open_embedder("openai/text-embedding-3-small", tmp_path)
    assert isinstance(embedder, HostedEmbedder) and embedder.settings.dimensions == 256
    assert "api.openai.com/v1#text-embedding-3-small/256+" in embedder.identity
    assert prompted(Metered(embedder), "query", ["a"]) == ["query: a"]
    assert prompted(Metered(embedder), "document", ["a"]) == ["a"]
    pasted = open_embedder("http://localhost:8080/v1/embeddings#e5")
    assert isinstance(pasted, HostedEmbedder) and pasted.endpoint.place.endswith(":8080/v1")
    with pytest.raises(UserError, match="did you mean openai/x"):
        open_embedder("opnai/x", tmp_path)


async def test_a_missing_key_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    problem = await failure(HostedEmbedder("mistral/mistral-embed"))
    assert "set MISTRAL_API_KEY in the environment" in str(problem) and problem.outage
