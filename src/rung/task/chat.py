"""Messages of a row as what is asked and what is answered: one question, one answer, all text.

Pictures, tools and conversations of several turns are refused in a sentence each, never dropped.
"""

import ast
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from rung.task.faults import Row
from rung.task.types import JsonValue
from rung.task.wording import listed, shown

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "bot": "assistant",
}
_TOOL_ROLES = ("tool", "function", "function_call", "observation", "tool_call", "tool_response")
_CALLS = ("tool_calls", "function_call", "tool_use")
_MEDIA = {
    "image": "an image",
    "image_url": "an image",
    "input_image": "an image",
    "audio": "sound",
    "input_audio": "sound",
    "video": "a video",
    "video_url": "a video",
    "file": "a file",
    "input_file": "a file",
    "document": "a file",
}
_TEXTS = ("text", "input_text", "output_text", "summary_text", "refusal")
_BESIDE = ("images", "image", "audios", "audio", "videos", "video")
"""Keys beside the messages that hold what is no text."""


class Chat(NamedTuple):
    """One question and its answer; `system` is what stood before, empty where nothing did."""

    system: str
    asked: str
    answer: str


class _Turn(NamedTuple):
    role: str
    text: str


def answered(row: Row, messages: JsonValue) -> Chat:
    """Messages whose last one is the expected answer."""
    turns = _turns(row, messages)
    if turns[-1].role != "assistant":
        raise row.error(
            f"the last of {len(turns)} messages is by {turns[-1].role!r}; it must be the "
            "'assistant' answer that is expected"
        )
    system, asked = _asked(row, turns[:-1])
    return Chat(system, asked, turns[-1].text)


def question(row: Row, messages: JsonValue) -> tuple[str, str]:
    """System text and question of messages that await an answer."""
    return _asked(row, _turns(row, messages))


def spoken(row: Row, message: JsonValue) -> str:
    """The text of one answering message, or of the only one in a list."""
    turns = _turns(row, message if isinstance(message, list) else [message])
    answers = [turn.text for turn in turns if turn.role == "assistant"]
    if len(answers) != 1:
        raise row.error(f"the answer holds {len(answers)} messages by 'assistant'; it must be one")
    return answers[0]


def opened(value: JsonValue) -> JsonValue:
    """The JSON object or list that stands as text in a cell; any other value as it is.

    Also as Python prints it, which is how data frames write it into a CSV.
    """
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        for reader in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
                parsed = reader(value.strip())
                return parsed if isinstance(parsed, dict | list) else value
    return value


def is_messages(value: JsonValue) -> bool:
    """Whether a value is a list of chat messages."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and _role(one) for one in value)
    )


def _role(message: dict[str, JsonValue]) -> str:
    """Whose a message is; empty where it is none. LangChain's have a `type` of that name."""
    role = message.get("role", message.get("from"))
    if role is None and {"content", "data"} & message.keys():
        role = message["type"] if message.get("type") in (*_ROLES, *_TOOL_ROLES) else None
    return str(role or "").casefold()


def refuse_beside(row: Row) -> None:
    """Refuse pictures, sound and tools that a row carries beside its messages."""
    for key in _BESIDE:
        if row.data.get(key) not in (None, "", [], {}):
            raise row.error(
                f"{key!r} holds what is no text, and Rung reads text only; leave such rows out"
            )
    for key in ("tools", "functions"):
        tools = row.data.get(key)
        if tools not in (None, "", [], {}, "[]"):
            raise row.error(
                f"{key!r} offers the model tools ({shown(tools)}), and Rung's models have none; "
                f"leave such rows out, or {key!r} where no answer needs it"
            )


def _asked(row: Row, turns: Sequence[_Turn]) -> tuple[str, str]:
    if any(turn.role == "assistant" for turn in turns):
        raise row.error(
            f"the row is a conversation of several turns ({len(turns)} messages before the "
            "answer), and Rung asks once; leave it out, or write what was said before into "
            "one 'input'"
        )
    asked = [turn.text for turn in turns if turn.role == "user"]
    if not asked:
        raise row.error("no 'user' message before the answer; add what the user asked")
    return "\n\n".join(t.text for t in turns if t.role == "system"), "\n\n".join(asked)


def _turns(row: Row, messages: JsonValue) -> list[_Turn]:
    refuse_beside(row)
    messages = opened(messages)
    if not isinstance(messages, list) or not messages:
        raise row.error(
            f"'messages' is {shown(messages)}; it must be a list of "
            '{"role": …, "content": …}, as in the first row'
        )
    return [_turn(row, message) for message in messages]


def _turn(row: Row, message: JsonValue) -> _Turn:
    if not isinstance(message, dict):
        raise _unread(row, message)
    role = _role(message)
    if isinstance(message.get("data"), dict):  # as LangChain packs it
        message = message["data"]
    calls = [key for key in _CALLS if message.get(key)]
    if role in _TOOL_ROLES or calls:
        raise row.error(
            f"the message {shown(message)} calls or answers a tool, and Rung's models have none; "
            "leave such rows out"
        )
    content = message.get("content", message.get("value", message.get("parts")))
    if isinstance(content, list):
        content = "\n".join(_part(row, part) for part in content)
    if role not in _ROLES or not isinstance(content, str):
        raise _unread(row, message)
    return _Turn(_ROLES[role], content)


def system_text(row: Row, value: JsonValue) -> str:
    """A system text that stands beside the messages: text, parts, or an object of parts."""
    if isinstance(value, dict):
        value = value.get("parts", value.get("content", value))
    if isinstance(value, list):
        return "\n".join(_part(row, part) for part in value)
    return str(value or "")


def _part(row: Row, part: JsonValue) -> str:
    if isinstance(part, str):
        return part
    kind = str(part.get("type", "text")) if isinstance(part, dict) else ""
    if kind in _MEDIA or (isinstance(part, dict) and {"image_url", "inline_data"} & part.keys()):
        raise row.error(
            f"a message holds {_MEDIA.get(kind, 'an image')} ({kind!r}), and Rung reads text "
            "only; leave such rows out"
        )
    if kind.startswith(("tool", "function")):
        raise row.error(
            f"a message holds a tool's turn ({kind!r}), and Rung's models have none; "
            "leave such rows out"
        )
    text = part.get("text", part.get("content", part.get("refusal")))
    if kind not in _TEXTS or not isinstance(text, str):
        raise row.error(
            f"the part {shown(part)} of a message is not read; parts are text ({listed(_TEXTS)})"
        )
    return text


def _unread(row: Row, message: JsonValue) -> Exception:
    return row.error(
        f"message {shown(message)} is not read; a message has a 'role' of system, user "
        "or assistant and text as 'content'"
    )
