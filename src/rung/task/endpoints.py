"""What `rung.toml` says of one model's endpoint: pace, patience, sizes, headers."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rung.errors import UserError


class EndpointSettings(BaseModel):
    """`[models.settings."<model>"]`: all of it may be left out, and is learnt or guessed then."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    in_flight: int = Field(default=32, ge=1)
    """Most requests in flight; fewer where the server turns out to bear fewer."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """Read and written, by what a request may take at most."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Of one request."""
    patience_s: float = Field(default=300.0, ge=0)
    """How long a server that loads, or wants fewer requests, is waited for without any answer."""
    context_window: int | None = Field(default=None, ge=1)
    """Tokens; asked of the server, looked up or guessed when left out."""
    max_input_chars: int | None = Field(default=None, ge=1)
    """A longer input is not sent; by the window when left out."""
    dimensions: int | None = Field(default=None, ge=1)
    """Of an embedder: numbers of a vector that are asked for; as many as it makes when left out."""
    prompts: dict[Literal["query", "document", "text"], str] = Field(default_factory=dict)
    """Of an embedder: what it reads before a question, a passage, or what is likened to others,
    such as query = "query: "."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with each request. A value "$NAME" is read from the environment."""
    query: dict[str, str] = Field(default_factory=dict)
    """Added to the address of each request, such as Azure's api-version; "$NAME" as above."""

    @property
    def in_flight_is_set(self) -> bool:
        """Whether somebody has said how many requests may be in flight."""
        return "in_flight" in self.model_fields_set

    @model_validator(mode="after")
    def _plain(self) -> EndpointSettings:
        for name, value in self.headers.items():
            if not (name.isascii() and name.isprintable() and value.isprintable()):
                raise ValueError(f"header {name!r} holds characters that no header can carry")
        return self


def from_environment(values: dict[str, str], where: str) -> dict[str, str]:
    """Values with "$NAME" read from the environment; raises `UserError` where it is not set."""
    read = {}
    for name, value in values.items():
        variable = value.removeprefix("$")
        if value != variable:
            if not os.environ.get(variable):
                raise UserError(f"{where} {name!r} needs {variable}: set it in the environment")
            value = os.environ[variable].strip()
        read[name] = value
    return read
