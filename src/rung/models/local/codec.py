"""Messages to tokens and back, without torch: the tokenizer and the chat template of a folder.

The engine, token counting and training all read a prompt through this one path, so what is
trained is what is asked. Control tokens come from the template alone: where a text holds the
spelling of one, such as `<|im_end|>`, it is read as those characters and forges no turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtraError, UserError
from rung.models.base import Message
from rung.models.dialect import folded

if TYPE_CHECKING:
    from jinja2 import Template
    from tokenizers import Tokenizer

PLAIN_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] | capitalize }}: {{ m['content'] }}{{ eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For base models, which bring no chat template of their own."""

_PROBE = "Answer briefly and politely."
_PRIVATE_USE = range(0xE000, 0xF8FF)
_LOOKS_LIKE_CONTROL = re.compile(r"<.*>$|\[.*\]$")


class Codec:
    """Tokenizer and chat template of one model folder; reads the files at first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def render(self, messages: Sequence[Message], *, answer_next: bool = True) -> str:
        """The text that the model reads; `answer_next` opens the assistant's turn.

        Where the template has no system turn, its text stands at the head of the user's first.
        """
        if not self.takes_system:
            messages = folded(messages)
        return self._rendered(messages, answer_next=answer_next)

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of the prompt, up to where the answer begins."""
        spellings = [s for s in self._control_tokens if any(s in m.content for m in messages)]
        if not spellings:
            return self._ids(self.render(messages))
        # A sign that stands nowhere in the messages keeps the place of each such spelling.
        written = {sign for message in messages for sign in message.content}
        free = (chr(code) for code in _PRIVATE_USE if chr(code) not in written)
        signs = {spelling: next(free) for spelling in spellings}
        hidden = [m.model_copy(update={"content": _replaced(m.content, signs)}) for m in messages]
        return self._spelt(self.render(hidden), {sign: text for text, sign in signs.items()})

    def encode(self, text: str) -> list[int]:
        """Tokens of a text that is no template's, nothing added: none of them controls."""
        free = (chr(code) for code in _PRIVATE_USE if chr(code) not in text)
        signs = {s: next(free) for s in self._control_tokens if s in text}
        return self._spelt(_replaced(text, signs), {sign: s for s, sign in signs.items()})

    def _spelt(self, text: str, spellings: Mapping[str, str]) -> list[int]:
        """Tokens of a text in which signs stand for spellings: those as plain characters."""
        ids: list[int] = []
        for part in re.split(f"([{''.join(spellings)}])", text) if spellings else [text]:
            if part in spellings:
                # Cut in two, a spelling is that of no control token any more.
                whole = spellings[part]
                ids += self._ids(whole[:1]) + self._ids(whole[1:])
            else:
                ids += self._ids(part)
        return ids

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _rendered(self, messages: Sequence[Message], *, answer_next: bool) -> str:
        from jinja2 import TemplateError

        plain = [m.model_dump() for m in messages]
        try:
            return self._template.render(
                messages=plain, add_generation_prompt=answer_next, **self._named_tokens
            )
        except (TemplateError, TypeError) as broken:
            raise UserError(
                f"the chat template of {self._folder.name!r} cannot be used: {broken}"
            ) from broken

    @cached_property
    def takes_system(self) -> bool:
        """Whether the template has a system turn: neither refuses it nor leaves its text out."""
        turns = (Message(role="system", content=_PROBE), Message(role="user", content="q"))
        try:
            return _PROBE in self._rendered(turns, answer_next=True)
        except UserError:
            return False

    @cached_property
    def _control_tokens(self) -> tuple[str, ...]:
        """Spellings that the tokenizer turns into one token of its own, the longest first.

        Added tokens that are not special, such as runs of blanks, are text like any other.
        """
        added = self.tokenizer.get_added_tokens_decoder().values()
        contents = {t.content for t in added if t.special or _LOOKS_LIKE_CONTROL.match(t.content)}
        return tuple(sorted((text for text in contents if len(text) > 1), key=len, reverse=True))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special tokens."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer. Raises `UserError` where the folder has none."""
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtraError("a local model", "local") from error
        path = self._folder / "tokenizer.json"
        if not path.is_file():
            raise UserError(f"the model folder {str(self._folder)!r} holds no tokenizer.json")
        return Tokenizer.from_file(str(path))

    @cached_property
    def end_tokens(self) -> frozenset[int]:
        """Tokens that end an answer."""
        for name in ("generation_config.json", "config.json"):
            end = self._json(name).get("eos_token_id")
            if end is not None:
                return frozenset(end if isinstance(end, list) else [end]) | self._named_end
        return self._named_end

    @cached_property
    def end_token(self) -> int:
        """The token that the template writes after an answer: what a tuned model learns."""
        turn = (Message(role="user", content="q"), Message(role="assistant", content="answer"))
        _, _, after = self.render(turn, answer_next=False).rpartition("answer")
        tokens = self._ids(after)
        if tokens and tokens[0] in self.end_tokens:
            return tokens[0]
        if not self.end_tokens:
            raise UserError(f"the model folder {str(self._folder)!r} names no end-of-text token")
        return min(self.end_tokens)

    @cached_property
    def _named_end(self) -> frozenset[int]:
        token = self._named_tokens.get("eos_token")
        ident = self.tokenizer.token_to_id(token) if token else None
        return frozenset() if ident is None else frozenset([ident])

    @cached_property
    def _named_tokens(self) -> dict[str, str]:
        config = self._json("tokenizer_config.json")
        named: dict[str, str] = {}
        for key in ("bos_token", "eos_token", "unk_token", "pad_token"):
            value = config.get(key)
            text = value.get("content") if isinstance(value, dict) else value
            if text:
                named[key] = text
        return named

    @cached_property
    def _template(self) -> Template:
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def refuse(message: str) -> None:
            raise UserError(f"the chat template of {self._folder.name!r} refuses this: {message}")

        # The same switches as transformers, so that templates render alike.
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        environment.filters["tojson"] = lambda value, **options: json.dumps(
            value, ensure_ascii=False, indent=options.get("indent")
        )
        environment.globals["raise_exception"] = refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        return environment.from_string(self._template_text())

    def _template_text(self) -> str:
        path = self._folder / "chat_template.jinja"
        if path.is_file():
            return path.read_text(encoding="utf-8")
        text = self._json("tokenizer_config.json").get("chat_template")
        if isinstance(text, list):
            named = {entry["name"]: entry["template"] for entry in text}
            text = named.get("default")
        return text or PLAIN_TEMPLATE

    def _json(self, name: str) -> dict[str, Any]:
        path = self._folder / name
        if not path.is_file():
            return {}
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content


def _replaced(text: str, signs: Mapping[str, str]) -> str:
    if not signs:
        return text
    return re.sub("|".join(map(re.escape, signs)), lambda match: signs[match[0]], text)
