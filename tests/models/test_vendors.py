"""The contract of the vendors: each opens, is priced or said to have no price, and is told apart
as leaving this machine; each that tunes has a tuner with its facts."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fake_endpoint import Turn, completion, serving

from rung.economics.pricing import rates_from
from rung.economics.settings import CostSettings
from rung.errors import UserError
from rung.models.base import ChatRequest, Message
from rung.models.openai_compatible import OpenAICompatible
from rung.models.registry import known_forms, open_model
from rung.models.vendors import VENDORS, leaves_this_machine, vendor_of

ON = date(2026, 11, 28)
PLACES = {
    "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/",
    "AWS_REGION": "us-west-2",
    "GOOGLE_CLOUD_PROJECT": "p",
}
PRICED = {
    "openai": "gpt-4o-mini",
    "azure": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "vertex": "gemini-2.5-flash",
    "bedrock": "openai.gpt-oss-20b-1:0",
    "mistral": "mistral-small-latest",
    "groq": "llama-3.3-70b-versatile",
    "deepseek": "deepseek-chat",
    "xai": "grok-3",
    "openrouter": "openai/gpt-4o",
    "together": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "fireworks": "accounts/fireworks/models/deepseek-v3p2",
    "cerebras": "gpt-oss-120b",
    "huggingface": "openai/gpt-oss-120b:groq",
}
"""A model of each vendor that has list prices."""


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_VERSION", "AWS_BEDROCK_BASE_URL", "GOOGLE_VERTEX_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in PLACES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", VENDORS)
def test_its_models_open(name: str) -> None:
    model = open_model(f"{name}/some-model")
    assert isinstance(model, OpenAICompatible)
    assert urlsplit(model.endpoint.base_url).hostname and model.endpoint.model
    assert model.endpoint.key_needed is not VENDORS[name].here
    assert f"{name}/<model>" in known_forms()


@pytest.mark.parametrize("name", VENDORS)
def test_its_models_are_priced_or_said_to_have_no_price(name: str) -> None:
    if name in PRICED:
        rates = rates_from(f"{name}/{PRICED[name]}", CostSettings.read({}), ON)
        assert rates.tokens and rates.tokens[0].output > 0
    with pytest.raises(UserError, match="has no known price"):
        rates_from(f"{name}/no-such-model-anywhere", CostSettings.read({}), ON)


def test_every_vendor_with_a_price_list_is_tried_with_a_priced_model() -> None:
    listed = {name for name, vendor in VENDORS.items() if vendor.listed("m") is not None}
    assert listed == set(PRICED)


@pytest.mark.parametrize("name", VENDORS)
def test_what_leaves_this_machine_is_told_apart(name: str) -> None:
    assert leaves_this_machine(f"{name}/some-model") is not VENDORS[name].here


@pytest.mark.parametrize(
    ("name", "leaves"),
    [
        ("local/smollm2-135m-instruct", False),
        ("./models/openai/x", False),
        ("ollama/llama3", False),
        ("ollama/gpt-oss:120b-cloud", True),
        ("ollama/deepseek-v3.1:cloud", True),
        ("http://localhost:8000/v1#m", False),
        ("http://localhost#m", False),
        ("http://127.0.0.2:1/v1#m", False),
        ("http://[::1]:8000/v1#m", False),
        ("http://0.0.0.0:8000/v1#m", False),
        ("http://gpu.internal/v1#m", True),
        ("http://localhost.example.com/v1#m", True),
        ("https://api.openai.com/v1#gpt-4o", True),
    ],
)
def test_names_that_stay_and_names_that_leave(name: str, leaves: bool) -> None:
    assert leaves_this_machine(name) is leaves


@pytest.mark.parametrize("name", [n for n, vendor in VENDORS.items() if vendor.tuner])
def test_its_tuner_has_its_facts(name: str) -> None:
    from rung.behaviour.trainers.hosted import open_tuner
    from rung.behaviour.trainers.hosted.shelf import tuner_class

    tuner = open_tuner(f"{name}/base")
    assert tuner.name == name and tuner.limits.source
    assert tuner_class(name).published.provider == tuner.limits.provider
    assert tuner.dev_rows(100, 10) == 10


def test_lists_are_made_of_the_records() -> None:
    from rung.behaviour.trainers.hosted import PROVIDERS
    from rung.exchange.exporting.shelf import FORMATS

    tuned = {name for name, vendor in VENDORS.items() if vendor.tuner}
    assert set(PROVIDERS) == tuned == {"openai", "together", "fireworks", "vertex"}
    assert tuned <= set(FORMATS)


def test_every_tuner_is_driven_through_orders_resumption_and_answers() -> None:
    from tuning.orders import NAMES

    # `tests/tuning` drives each of NAMES by its order, a death at any call, and its answers;
    # Vertex, whose files and endpoints are another API's, in `test_vertex.py`.
    assert {*NAMES, "vertex"} == {name for name, vendor in VENDORS.items() if vendor.tuner}


def test_azure_by_its_v1_api_and_by_a_dated_version(monkeypatch: pytest.MonkeyPatch) -> None:
    model = OpenAICompatible("azure/support")
    assert model.endpoint.base_url == "https://r.openai.azure.com/openai/v1"
    assert (model.endpoint.model, model.endpoint.query) == ("support", ())
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-06-01")
    dated = OpenAICompatible("azure/support").endpoint
    assert dated.base_url == "https://r.openai.azure.com/openai/deployments/support"
    assert dated.query == (("api-version", "2024-06-01"),)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("azure/m", "AZURE_OPENAI_ENDPOINT"),
        ("bedrock/m", "AWS_REGION"),
        ("vertex/m", "GOOGLE_CLOUD_PROJECT"),
    ],
)
def test_a_place_that_is_missing_is_named(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(UserError, match=variable):
        open_model(name)


def test_a_missing_prefix_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean mistral/small\?"):
        open_model("mistrl/small", tmp_path)
    assert vendor_of("models/openai") is None and vendor_of("https://x/v1#m") is None


async def test_azure_gets_its_key_in_its_own_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k-1")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-06-01")
    with serving(Turn(completion("hi"))) as fake:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", fake.url.removesuffix("/v1"))
        model = OpenAICompatible("azure/support")
        asked = ChatRequest(messages=(Message(role="user", content="hi"),), max_tokens=4)
        assert (await model.reply(asked)).text == "hi"
        await model.aclose()
    (headers,) = fake.headers
    assert headers["api-key"] == "k-1" and "authorization" not in headers
    assert fake.paths == ["/openai/deployments/support/chat/completions?api-version=2024-06-01"]
