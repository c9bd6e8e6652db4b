"""Who answers over the network: one record a vendor, and every list of vendors is made of them.

A vendor speaks OpenAI's chat protocol at an address of its own; what it takes of the protocol is
learnt by asking. To add one: a record in `VENDORS`, and for its tuning a file in `tuning/hosted`.
"""

import ipaddress
import os
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from rung.errors import UserError
from rung.models import google

OWN_KEY = "RUNG_API_KEY"
"""Key of a server of one's own, where it wants one."""


class Place(NamedTuple):
    """Where one model answers."""

    base_url: str
    model: str
    query: tuple[tuple[str, str], ...] = ()


class Vendor(NamedTuple):
    """What the vendors differ in."""

    name: str
    """With a slash, how its models' names begin."""
    title: str
    base_url: str = ""
    key_env: str = OWN_KEY
    here: bool = False
    """Its server runs on this machine: no key is needed, and nothing leaves, but for `cloud`."""
    cloud: tuple[str, ...] = ()
    """How names of models end that such a server passes on to its maker."""
    prices: str | None = None
    """Its id in genai-prices, which knows prices and context windows; None: no price is listed."""
    priced: Callable[[str], tuple[str, str]] | None = None
    """Id and model in genai-prices of a name, where one id does not fit all."""
    limit_field: str = "max_tokens"
    """How the limit on answer tokens is called."""
    refuses: tuple[str, ...] = ()
    """Parameters that it is known not to take."""
    locate: Callable[[str], Place] | None = None
    """Where a model answers, where one address does not fit all. Raises `UserError`."""
    token: Callable[[str], str] | None = None
    """What is sent as the key to a place, where the environment holds none."""
    key_header: str | None = None
    """The header that holds the key, in place of `Authorization`."""
    hub_names: bool = False
    """Its models are called as on the Hugging Face hub, whence trainers and servers load them."""
    tuner: str | None = None
    """Its fine-tuning, as `module:class`."""
    dedicated: bool = False
    """What it tuned it serves on dedicated deployments only, by the hour."""
    promptfoo: str | None = None
    """How promptfoo calls its chat models, up to the model."""
    inspect: str | None = None
    """How Inspect calls it."""

    @property
    def form(self) -> str:
        """How its names look."""
        return f"{self.name}/<model>"

    def listed(self, model: str) -> tuple[str, str] | None:
        """Id and model in genai-prices; None where no price is listed."""
        if self.priced is not None:
            return self.priced(model)
        return None if self.prices is None else (self.prices, model)

    def stays(self, model: str) -> bool:
        """Whether what this model reads stays on this machine."""
        return self.here and not model.endswith(self.cloud or ("\0",))


def _azure(deployment: str) -> Place:
    """The resource's v1 API, or, with a dated version, the deployment's own address.

    https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle; the variables are
    those of `openai.AzureOpenAI`.
    """
    resource = os.environ.get("AZURE_OPENAI_ENDPOINT", "").strip().rstrip("/")
    if not resource:
        raise UserError(
            "azure/ models need a resource: set AZURE_OPENAI_ENDPOINT to its address, such as "
            "https://NAME.openai.azure.com, and write azure/<deployment>"
        )
    version = os.environ.get("OPENAI_API_VERSION", "").strip()
    if not version:
        return Place(f"{resource}/openai/v1", deployment)
    place = f"{resource}/openai/deployments/{deployment}"
    return Place(place, deployment, (("api-version", version),))


def _bedrock(model: str) -> Place:
    """The OpenAI-compatible API of a region's runtime.

    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html
    """
    given = os.environ.get("AWS_BEDROCK_BASE_URL", "").strip()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    if not given and not region.strip():
        raise UserError("bedrock/ models need a region: set AWS_REGION, such as us-west-2")
    return Place(
        given or f"https://bedrock-runtime.{region.strip()}.amazonaws.com/openai/v1", model
    )


def _huggingface_prices(model: str) -> tuple[str, str]:
    """genai-prices has an id for each provider behind the router: `org/model:provider`."""
    name, _, provider = model.partition(":")
    return f"huggingface_{provider}", name


VENDORS: dict[str, Vendor] = {
    vendor.name: vendor
    for vendor in (
        # Reasoning models refuse `max_tokens`: https://github.com/openai/openai-python/issues/2046
        Vendor(
            "openai",
            "OpenAI",
            "https://api.openai.com/v1",
            "OPENAI_API_KEY",
            prices="openai",
            limit_field="max_completion_tokens",
            tuner="rung.behaviour.trainers.hosted.openai:OpenAITuner",
            promptfoo="openai:chat:",
            inspect="openai",
        ),
        # The key goes into `api-key`: https://learn.microsoft.com/azure/ai-foundry/openai/reference
        Vendor(
            "azure",
            "Azure OpenAI",
            key_env="AZURE_OPENAI_API_KEY",
            prices="azure",
            limit_field="max_completion_tokens",
            locate=_azure,
            key_header="api-key",
            promptfoo="azure:chat:",
            inspect="openai/azure",
        ),
        # https://platform.claude.com/docs/en/api/openai-sdk (ignores response_format and seed)
        Vendor(
            "anthropic",
            "Anthropic",
            "https://api.anthropic.com/v1",
            "ANTHROPIC_API_KEY",
            prices="anthropic",
            promptfoo="anthropic:messages:",
            inspect="anthropic",
        ),
        # https://ai.google.dev/gemini-api/docs/openai
        Vendor(
            "gemini",
            "Gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            prices="google",
            promptfoo="google:",
            inspect="google",
        ),
        Vendor(
            "vertex",
            "Vertex",
            key_env=google.KEY_ENV,
            # Its OpenAI-compatible API calls Gemini models `google/…`.
            priced=lambda model: ("google", model.removeprefix("google/")),
            locate=lambda model: Place(*google.vertex_chat(model)),
            token=google.google_token,
            tuner="rung.behaviour.trainers.hosted.vertex:VertexTuner",
            promptfoo="vertex:",
            inspect="google/vertex",
        ),
        Vendor(
            "bedrock",
            "Bedrock",
            key_env="AWS_BEARER_TOKEN_BEDROCK",
            prices="aws",
            locate=_bedrock,
            promptfoo="bedrock:",
            inspect="bedrock",
        ),
        # https://docs.mistral.ai/api
        Vendor(
            "mistral",
            "Mistral",
            "https://api.mistral.ai/v1",
            "MISTRAL_API_KEY",
            prices="mistral",
            promptfoo="mistral:",
            inspect="mistral",
        ),
        # Answers 400 to logprobs: https://console.groq.com/docs/openai
        Vendor(
            "groq",
            "Groq",
            "https://api.groq.com/openai/v1",
            "GROQ_API_KEY",
            prices="groq",
            refuses=("logprobs", "top_logprobs"),
            promptfoo="groq:",
            inspect="groq",
        ),
        # https://api-docs.deepseek.com
        Vendor(
            "deepseek",
            "DeepSeek",
            "https://api.deepseek.com",
            "DEEPSEEK_API_KEY",
            prices="deepseek",
            promptfoo="deepseek:",
        ),
        # https://docs.x.ai/developers/quickstart
        Vendor(
            "xai",
            "xAI",
            "https://api.x.ai/v1",
            "XAI_API_KEY",
            prices="x-ai",
            promptfoo="xai:",
            inspect="grok",
        ),
        # https://openrouter.ai/docs/quickstart
        Vendor(
            "openrouter",
            "OpenRouter",
            "https://openrouter.ai/api/v1",
            "OPENROUTER_API_KEY",
            prices="openrouter",
            promptfoo="openrouter:",
            inspect="openrouter",
        ),
        # https://docs.together.ai/docs/openai-api-compatibility
        Vendor(
            "together",
            "Together",
            "https://api.together.ai/v1",
            "TOGETHER_API_KEY",
            prices="together",
            hub_names=True,
            tuner="rung.behaviour.trainers.hosted.together:TogetherTuner",
            promptfoo="togetherai:",
            inspect="together",
        ),
        # https://docs.fireworks.ai/tools-sdks/openai-compatibility
        Vendor(
            "fireworks",
            "Fireworks",
            "https://api.fireworks.ai/inference/v1",
            "FIREWORKS_API_KEY",
            prices="fireworks",
            tuner="rung.behaviour.trainers.hosted.fireworks:FireworksTuner",
            dedicated=True,
            promptfoo="fireworks:",
            inspect="fireworks",
        ),
        # https://inference-docs.cerebras.ai/resources/openai
        Vendor(
            "cerebras",
            "Cerebras",
            "https://api.cerebras.ai/v1",
            "CEREBRAS_API_KEY",
            prices="cerebras",
            limit_field="max_completion_tokens",
            promptfoo="cerebras:",
        ),
        # https://huggingface.co/docs/inference-providers
        Vendor(
            "huggingface",
            "Hugging Face inference",
            "https://router.huggingface.co/v1",
            "HF_TOKEN",
            priced=_huggingface_prices,
            hub_names=True,
            inspect="hf-inference-providers",
        ),
        # https://docs.ollama.com/api/openai-compatibility; models of its maker's machines:
        # https://docs.ollama.com/cloud
        Vendor(
            "ollama",
            "Ollama",
            "http://localhost:11434/v1",
            here=True,
            cloud=(":cloud", "-cloud"),
            promptfoo="ollama:chat:",
            inspect="ollama",
        ),
        # https://lmstudio.ai/docs/developer/openai-compat
        Vendor("lmstudio", "LM Studio", "http://localhost:1234/v1", here=True),
        # https://docs.vllm.ai/en/latest/serving/openai_compatible_server
        Vendor("vllm", "vLLM", "http://localhost:8000/v1", here=True, hub_names=True),
        # https://github.com/ggml-org/llama.cpp/tree/master/tools/server
        Vendor("llamacpp", "llama.cpp", "http://localhost:8080/v1", here=True),
    )
}
"""By the first part of a model's name."""

SERVED_YOURSELF = Vendor("", "a server of your own")
"""`http(s)://host/v1#model`."""


def vendor_of(name: str) -> tuple[Vendor, str] | None:
    """The vendor of a model's name and what it calls the model; None for paths and addresses."""
    first, slash, model = name.partition("/")
    vendor = VENDORS.get(first)
    return (vendor, model) if vendor is not None and slash and "://" not in name else None


def leaves_this_machine(name: str) -> bool:
    """Whether a model of that name reads its prompts on another machine."""
    if name.startswith(("http://", "https://")):
        return not _loopback(urlsplit(name).hostname or "")
    vendor = vendor_of(name)
    return vendor is not None and not vendor[0].stays(vendor[1])


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
