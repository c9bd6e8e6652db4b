"""What endpoints said when they were first asked, kept so that none is asked twice.

By address and model. Whoever opens a model of a project speaks to it as its climb has found.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from rung.models.base import ChatModel
from rung.models.dialect import Dialect
from rung.models.openai_compatible import OpenAICompatible
from rung.project import write_whole
from rung.task.types import Frozen, JsonValue

ENDPOINTS_FILE = "endpoints.json"
MOST_AGE = timedelta(days=7)
"""A server that is older known is asked anew: it may take more by now."""


class Handshake(Frozen):
    """What one endpoint said."""

    dialect: Dialect
    """That it takes, as far as it has shown since."""
    window: int | None = None
    """Tokens, where the server says it."""
    thinks: bool = False
    """It thought before it answered, aloud or hidden."""
    seconds: float = 0.0
    """That the answer took."""
    at_first: Dialect | None = None
    """What the handshake itself had found."""
    at: AwareDatetime | None = None
    version: str | None = None
    """Of the interface, where the query names one (Azure's `api-version`)."""

    def said(self) -> str:
        """One phrase a reader should know; empty where the endpoint takes everything."""
        phrases = [*self.dialect.said(), *(["it thinks before it answers"] if self.thinks else [])]
        return "; ".join(phrases)

    def is_young(self, now: datetime | None = None) -> bool:
        """Whether it may still be relied on without asking."""
        return self.at is not None and (now or datetime.now(UTC)) - self.at < MOST_AGE


def adopt(model: OpenAICompatible, known: Handshake) -> None:
    """Speak to an endpoint as an earlier handshake found."""
    model.speak(known.dialect)
    model.thinks = known.thinks
    model.context_window = model.settings.context_window or known.window or model.context_window


class KnownEndpoints:
    """Handshakes by address and model."""

    def __init__(self, folder: Path, *earlier: Path, first: JsonValue = None) -> None:
        """Kept in `folder`; what it does not know is looked up in the `earlier` ones. `first` are
        some that count before all, as `plain` gives them."""
        self._path = folder / ENDPOINTS_FILE
        self._known: dict[str, Handshake] = {}
        for place in (*reversed(earlier), folder):
            self._known |= _read(_json(place / ENDPOINTS_FILE))
        self._known |= _read(first)

    def of(self, model: ChatModel) -> Handshake | None:
        """What is known of a model's endpoint, asked through the interface that it is set to."""
        if not isinstance(model, OpenAICompatible):
            return None
        known = self._known.get(_key(model))
        return known if known is not None and known.version == version_of(model) else None

    def adopt(self, model: ChatModel) -> None:
        """Have a model speak as it is known to be understood."""
        known = self.of(model)
        if known is not None and isinstance(model, OpenAICompatible):
            adopt(model, known)

    def keep(self, model: OpenAICompatible, handshake: Handshake) -> None:
        """Write down what an endpoint said."""
        if self._known.get(_key(model)) != handshake:
            self._known[_key(model)] = handshake
            self._write()

    def keep_dialect(self, model: ChatModel) -> None:
        """Write down what an endpoint has shown since; one that took nothing any more is asked
        anew by the next climb."""
        known = self.of(model)
        if known is None or not isinstance(model, OpenAICompatible):
            return
        if model.is_refused:
            del self._known[_key(model)]
            self._write()
        else:
            self.keep(model, known.model_copy(update={"dialect": model.dialect}))

    def plain(self, models: Iterable[ChatModel]) -> dict[str, JsonValue]:
        """What is known of some models, to be kept elsewhere."""
        kept = [(_key(m), self.of(m)) for m in models if isinstance(m, OpenAICompatible)]
        return {key: known.model_dump(mode="json") for key, known in kept if known is not None}

    def _write(self) -> None:
        plain = {key: one.model_dump(mode="json") for key, one in self._known.items()}
        write_whole(self._path, json.dumps(plain, indent=1, sort_keys=True) + "\n")


def version_of(model: OpenAICompatible) -> str | None:
    """The version that the query of its address names; another one may take other parameters."""
    query = {**dict(model.endpoint.query), **model.settings.query}
    return query.get("api-version")


def _key(model: OpenAICompatible) -> str:
    return f"{model.endpoint.place}#{model.endpoint.model}"


def _json(path: Path) -> JsonValue:
    try:
        content: JsonValue = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content


def _read(plain: JsonValue) -> dict[str, Handshake]:
    """What was kept; nothing where it cannot be read, since it can be asked again."""
    try:
        return {key: Handshake.model_validate(one) for key, one in plain.items()}
    except (AttributeError, ValidationError):
        return {}
