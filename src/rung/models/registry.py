"""The shelf of models: which name opens which provider.

A name's beginning decides. To add a vendor: a record in `vendors.py`; another kind of provider: one
file beside this one, one line in `PROVIDERS`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from rung.errors import UserError
from rung.models.base import ChatModel, Embedder
from rung.models.vendors import VENDORS
from rung.project import ProjectFolder
from rung.task.config import read_config
from rung.task.endpoints import EndpointSettings
from rung.task.wording import nearest


class Provider(NamedTuple):
    """How its names begin, how one looks, and what opens it."""

    prefix: str
    form: str
    open: Callable[[str, EndpointSettings | None], ChatModel]


def _local(name: str, settings: EndpointSettings | None = None) -> ChatModel:
    from rung.models.local import open_local

    return open_local(name)


def _endpoint(name: str, settings: EndpointSettings | None) -> ChatModel:
    from rung.models.openai_compatible import OpenAICompatible

    return OpenAICompatible(name, settings=settings)


PROVIDERS = (
    Provider("local/", "local/smollm2-135m-instruct", _local),
    *(Provider(f"{vendor.name}/", vendor.form, _endpoint) for vendor in VENDORS.values()),
    Provider("http://", "http://host:port/v1#<model>", _endpoint),
    Provider("https://", "https://host/v1#<model>", _endpoint),
)
"""The shelf's list. Folders and .gguf files are local too and need no prefix."""


def open_model(
    name: str, root: Path | None = None, settings: Mapping[str, EndpointSettings] | None = None
) -> ChatModel:
    """The chat model of that name, without touching the network or loading weights yet.

    A path to a model folder or .gguf file may be relative to `root` (the folder of `rung.toml`).
    `settings` are those of `[models.settings]`, read from `root` where they are left out. An
    endpoint that a climb of `root` has asked is spoken to as that climb found.
    Raises `UserError` for a name that no provider knows.
    """
    for provider in PROVIDERS:
        if name.startswith(provider.prefix):
            own = _settings(root) if settings is None else settings
            model = provider.open(name, own.get(name))
            if root is not None and provider.open is _endpoint:
                from rung.models.handshake import KnownEndpoints

                KnownEndpoints(ProjectFolder(root).folder).adopt(model)
            return model
    return _local(str(_path(name, root)))


def open_embedder(
    name: str, root: Path | None = None, settings: Mapping[str, EndpointSettings] | None = None
) -> Embedder:
    """The embedder of that name, or of a folder relative to `root`, as `open_model` opens models.

    Raises `UserError` where there is none.
    """
    from rung.models.embedder import open_embedder as open_local_embedder

    if is_endpoint(name):
        from rung.models.hosted_embedder import HostedEmbedder

        own = _settings(root) if settings is None else settings
        return HostedEmbedder(name, own.get(name))
    if name.startswith("local/"):
        return open_local_embedder(name)
    path = _existing(name, root)
    if path is None:
        raise UserError(
            f"no embedder is called {name!r}{_nearest(name)}: use local/all-minilm-l6-v2, the path "
            "of a model folder, or an endpoint's, such as openai/text-embedding-3-small"
        )
    return open_local_embedder(str(path))


def _settings(root: Path | None) -> Mapping[str, EndpointSettings]:
    """What `rung.toml` says of endpoints; nothing where there is no such file."""
    file = None if root is None else root / "rung.toml"
    return read_config(file).models.settings if file is not None and file.is_file() else {}


def known_forms() -> tuple[str, ...]:
    """How names may look, for help and messages."""
    return (*(provider.form for provider in PROVIDERS), "a model folder", "a .gguf file")


def is_endpoint(name: str) -> bool:
    """Whether a model of that name is asked over the network."""
    return any(name.startswith(p.prefix) for p in PROVIDERS if p.open is _endpoint)


def is_path(name: str, root: Path | None) -> bool:
    """A model folder or .gguf file that is there, relative to `root`; nothing is opened."""
    prefixed = any(name.startswith(provider.prefix) for provider in PROVIDERS)
    return not prefixed and _existing(name, root) is not None


def _existing(name: str, root: Path | None) -> Path | None:
    path = (root or Path()) / Path(name).expanduser()
    return path if path.is_dir() or (path.suffix == ".gguf" and path.is_file()) else None


def _path(name: str, root: Path | None) -> Path:
    path = _existing(name, root)
    if path is not None:
        return path
    if name.endswith(".gguf") or name.startswith((".", "/", "~")):
        raise UserError(f"there is no model folder or .gguf file at {name!r}: correct the path")
    raise UserError(
        f"no provider knows the model {name!r}{_nearest(name)}; known: {', '.join(known_forms())}"
    )


def _nearest(name: str) -> str:
    """A guess at the prefix that was meant, or nothing."""
    before, slash, rest = name.partition("/")
    named = [p.prefix for p in PROVIDERS if p.prefix.endswith("/") and "://" not in p.prefix]
    close = nearest(f"{before}/", named)
    return f" (did you mean {close}{rest}?)" if close and slash else ""
