"""The engine on the real embedded model."""

import asyncio
import json
import sys

import jsonschema
import pytest

from rung.errors import ProviderError, UserError
from rung.models.base import Adapter, ChatModel, ChatRequest, Message
from rung.models.fetch import model_folder
from rung.models.local import engine as engine_module
from rung.models.local import machine as machine_module
from rung.models.local import open_local

NAME = "local/smollm2-135m-instruct"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(model_folder(NAME) is None, reason=f"{NAME} is not fetched"),
]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "city": {"enum": ["Rome", "Paris"]},
    },
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}
TEXTS = (
    "My parcel has not arrived and it has been two weeks.",
    "Where do I see my invoice?",
    "The jacket is too small, can I send it back?",
    "I was charged twice for order 4711, please refund one of the payments to my card.",
    "Do you deliver to Norway?",
    "The zip broke after three days.",
    "hi",
    "How do I change the address of an order that I placed this morning, it is urgent?",
)


def ask(text, system="You sort messages to a shop.", **options):
    turns = (Message(role="system", content=system), Message(role="user", content=text))
    return ChatRequest(messages=turns, **{"max_tokens": 12, **options})


def together(model, requests):
    async def all_at_once():
        return await asyncio.gather(*map(model.reply, requests), return_exceptions=True)

    return asyncio.run(all_at_once())


@pytest.fixture(scope="module")
def model():
    opened = open_local(NAME)
    yield opened
    asyncio.run(opened.aclose())


def test_it_is_a_chat_model_and_costs_nothing_to_make(model):
    assert isinstance(model, ChatModel)
    assert model.identity == open_local(NAME).identity
    assert model.context_window == 8192
    assert model.count_tokens(ask("hi").messages) == 22


def test_on_a_gpu_its_seconds_are_the_gpus(model, monkeypatch):
    monkeypatch.setattr(machine_module, "device", lambda: "cuda")
    scored = ask(TEXTS[1], choices=("bill", "return"), scored=True)
    used = [reply.usage for reply in together(model, [ask(TEXTS[0]), scored])]
    assert all(u.gpu_seconds > 0 and u.seconds == 0 for u in used)


def test_the_prompt_is_the_templates_own(model):
    default = model.codec.render((Message(role="user", content="hi"),))
    assert default == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )
    tokens = model.codec.encode_prompt((Message(role="user", content="a  72"),))
    spelled = [model.codec.tokenizer.id_to_token(t) for t in tokens]
    assert spelled[0] == "<|im_start|>"
    assert spelled[-8:-6] == ["7", "2"]


@pytest.mark.parametrize(
    "labels",
    [
        ("billing", "billing dispute", "billing dispute, urgent"),
        ("A", "B", "C", "AB", "ABC"),
        ("yes", "no"),
        ("ünïcode", "🙂", "two\nlines", 'with "quotes"'),
        ("only one",),
        tuple(f"label_{i}" for i in range(120)),
    ],
    ids=["prefixes", "letters", "two", "odd", "one", "many"],
)
def test_an_answer_is_never_outside_the_labels(model, labels):
    requests = [ask(text, choices=labels, max_tokens=1) for text in TEXTS]
    requests += [
        r.model_copy(update={"temperature": 2.0, "seed": i}) for i, r in enumerate(requests)
    ]
    for reply in together(model, requests):
        assert reply.text in labels
        assert 0 < reply.confidence <= 1
        assert reply.finish == "stop"


def test_json_always_satisfies_its_schema_and_reads_like_json_dumps(model):
    requests = [ask(f"{t} Anna, 30, Rome.", json_schema=PERSON, max_tokens=60) for t in TEXTS]
    for reply in together(model, requests):
        value = json.loads(reply.text)
        jsonschema.validate(value, PERSON)
        assert reply.text == json.dumps(value, ensure_ascii=False)


def test_a_mixed_batch_answers_as_single_requests_do(model):
    long = "Shop rules: " + "be kind to everybody who writes to us. " * 30
    requests = []
    for number, text in enumerate(TEXTS[::2]):
        requests += [
            ask(text),
            ask(text, choices=("billing", "delivery", "returns")),
            ask(text, json_schema=PERSON, max_tokens=50),
            ask(text, temperature=1.0, seed=number),
            ask(text, system=long),
        ]
    alone = [together(model, [request])[0].text for request in requests]
    batched = [reply.text for reply in together(model, requests[::-1])][::-1]
    same = sum(a == b for a, b in zip(alone, batched, strict=True))
    assert same >= 0.95 * len(requests)


def test_reusing_a_prefix_changes_no_answer_and_is_reported(model, monkeypatch):
    long = "Shop rules: " + "be kind to everybody who writes to us. " * 20
    requests = [ask(text, system=long) for text in TEXTS]
    reused = together(model, requests)
    again = together(model, requests)
    monkeypatch.setattr(engine_module, "MIN_PREFIX", 10**6)
    fresh = open_local(NAME)
    without = together(fresh, requests)
    asyncio.run(fresh.aclose())
    assert [r.text for r in reused] == [r.text for r in again] == [r.text for r in without]
    assert all(r.usage.cache_read_tokens > 150 for r in again)
    assert all(r.usage.cache_read_tokens == 0 for r in without)


def test_usage_adds_up(model):
    requests = [ask(text) for text in TEXTS]
    for request, reply in zip(requests, together(model, requests), strict=True):
        assert reply.usage.input_tokens == model.count_tokens(request.messages)
        assert 0 < reply.usage.output_tokens <= 12
        assert 0 < reply.usage.seconds <= reply.latency_s


def test_max_tokens_is_kept_and_said(model):
    (reply,) = together(model, [ask("Tell me a long story.", max_tokens=5)])
    assert (reply.finish, reply.usage.output_tokens) == ("length", 5)


def test_sampling_follows_its_seed(model):
    story = ask("Tell me a story.", temperature=1.5)
    seeds = [story.model_copy(update={"seed": seed}) for seed in (1, 1, 2)]
    one, same, other = (r.text for r in together(model, seeds))
    assert one == same != other


def test_what_cannot_be_answered_fails_alone(model):
    good, long, empty, schema, gone = together(
        model,
        [
            ask("hi"),
            ask("x " * 9000),
            ask("hi", choices=("",)),
            ask("hi", json_schema={"type": "nonsense"}),
            ask("hi", adapter=Adapter(path="nowhere", digest="0")),
        ],
    )
    assert good.text
    assert isinstance(long, ProviderError) and long.status == 400
    assert "exceeds the window of 8192" in str(long)
    assert isinstance(empty, ProviderError) and isinstance(schema, ProviderError)
    assert isinstance(gone, ProviderError) and "train it again" in str(gone)


def test_a_crash_fails_its_batch_and_the_worker_lives_on(model, monkeypatch):
    def crash(*_):
        raise RuntimeError("out of luck")

    with monkeypatch.context() as patched:
        patched.setattr(engine_module, "decode", crash)
        (failed,) = together(model, [ask("hi")])
    assert isinstance(failed, ProviderError)
    assert "RuntimeError: out of luck" in str(failed)
    assert together(model, [ask("hi")])[0].text


def test_a_closed_model_answers_again_when_asked():
    model = open_local(NAME)
    first = asyncio.run(model.reply(ask("hi")))
    asyncio.run(model.aclose())
    asyncio.run(model.aclose())
    assert asyncio.run(model.reply(ask("hi"))).text == first.text
    asyncio.run(model.aclose())


def test_a_cancelled_request_harms_nobody(model):
    async def cancel_one():
        slow = [asyncio.create_task(model.reply(ask(text))) for text in TEXTS]
        await asyncio.sleep(0)
        slow[0].cancel()
        return await asyncio.gather(*slow, return_exceptions=True)

    first, *others = asyncio.run(cancel_one())
    assert isinstance(first, asyncio.CancelledError)
    assert all(reply.text for reply in others)


def test_a_folder_has_an_identity_by_content(model, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_MODELS", str(tmp_path / "models"))
    mine = tmp_path / "mine"
    mine.mkdir()
    for file in model.folder.iterdir():
        if file.name != "rung-model.json":
            (mine / file.name).symlink_to(file)
    opened = open_local(mine)
    assert opened.name == str(mine)
    assert opened.identity.split("@")[1] == model.identity.split("@")[1]
    assert opened.identity == open_local(str(mine)).identity
    monkeypatch.setenv("RUNG_DTYPE", {"bfloat16": "float32", "float32": "bfloat16"}[model.dtype])
    assert open_local(mine).identity != opened.identity  # other rounding, other answers
    with pytest.raises(UserError, match="no local model at"):
        open_local(tmp_path)


@pytest.mark.skipif(
    model_folder("local/all-minilm-l6-v2") is None, reason="the embedder is not fetched"
)
def test_an_embedder_is_no_chat_model():
    with pytest.raises(UserError, match="writes no text"):
        open_local("local/all-minilm-l6-v2")


def test_opening_and_counting_load_no_torch():
    import subprocess

    code = (
        "import sys; from rung.models.local import open_local; from rung.models.base import "
        f"Message; m = open_local({NAME!r}); m.count_tokens((Message(role='user', content='x'),));"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
