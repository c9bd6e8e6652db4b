"""`[[tools]]` of `rung.toml`: live knowledge that a model may be given, or a reranker, which puts
passages in order; and what a call costs."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

RERANKERS = ("rerank", "tei", "cross-encoder")


class ToolSettings(BaseModel):
    """One tool: an address that takes its arguments, or a server of the Model Context Protocol."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True
    )

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str = ""
    """For the model: what it is good for."""
    url: str | None = None
    """Asked with the arguments as JSON (POST), or of an MCP server, with `protocol = "mcp"`. No
    other address is ever asked, wherever an answer points."""
    command: tuple[str, ...] | None = None
    """Instead of `url`: an MCP server that is started for each call, in the folder of rung.toml,
    and spoken to over its standard input and output."""
    protocol: Literal["http", "mcp", "rerank", "tei", "cross-encoder"] = "http"
    """`rerank`: `url` takes `query`, `documents` and `top_n`, and gives each an `index` and a
    `relevance_score` (Cohere, Jina, vLLM); `tei`: `url` takes `query` and `texts`, and gives a list
    of `index` and `score` (Hugging Face's Text Embeddings Inference); `cross-encoder`: the folder
    `model` is asked on this machine. No model calls these; they order what a search found."""
    model: str = ""
    """Of a `rerank` endpoint that serves several; of a `cross-encoder` its folder, for sequence
    classification, relative to that of rung.toml."""
    digest: str = ""
    """Hash of a cross-encoder's folder: a climb fills it in, and another content is refused."""
    input_schema: dict[str, object] = Field(default_factory=dict, alias="schema")
    """JSON schema of the arguments, an object; a `rerank` endpoint has none."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with each request. A value is "$NAME", read from the environment."""
    timeout_s: float = Field(default=10.0, gt=0)
    in_flight: int = Field(default=4, ge=1)
    """Most calls at once of a climb."""
    usd_per_call: float = Field(default=0.0, ge=0)
    max_chars: int = Field(default=4000, ge=1)
    """A longer result is cut."""

    @model_validator(mode="after")
    def _one_place(self) -> ToolSettings:
        if self.protocol == "cross-encoder":
            if self.url is not None or self.command is not None or not self.model:
                raise ValueError(
                    f"tool {self.name!r}: a cross-encoder has its folder as 'model', and neither "
                    "'url' nor 'command'"
                )
        elif (self.url is None) == (self.command is None):
            raise ValueError(f"tool {self.name!r}: give either 'url' or 'command'")
        if self.command is not None and self.protocol != "mcp":
            raise ValueError(f'tool {self.name!r}: a command speaks MCP: set protocol = "mcp"')
        if self.url is not None:
            place = urlsplit(self.url)
            if place.scheme not in ("http", "https") or not place.hostname or place.username:
                raise ValueError(
                    f"tool {self.name!r}: 'url' is http(s)://host/path without a user or password"
                )
        self._check_schema()
        for name, value in self.headers.items():
            if not value.startswith("$") or len(value) < 2:
                raise ValueError(
                    f'tool {self.name!r}: header {name!r} must be "$NAME", read from the '
                    "environment: what a solver is saved with is no place for a secret"
                )
        return self

    def _check_schema(self) -> None:
        if not self.informs:
            if self.command is not None or self.input_schema:
                raise ValueError(f"tool {self.name!r}: a rerank endpoint has a 'url' and no schema")
        elif self.input_schema.get("type") != "object":
            raise ValueError(f"tool {self.name!r}: 'schema' must be of type \"object\"")
        from rung.task.json_schema import check_schema

        if self.input_schema:
            check_schema(self.input_schema, f"tool {self.name!r}: schema")

    @property
    def informs(self) -> bool:
        """It can be asked for knowledge."""
        return self.protocol not in RERANKERS
