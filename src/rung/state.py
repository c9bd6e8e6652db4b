"""Reading the files that Rung keeps: one reader, which knows damage from a newer version.

Every sentence says which file, what is wrong with it, and what is lost or to be done (`cure`).
Contents are never part of it: they may be people's data.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rung.errors import StoreError

M = TypeVar("M", bound=BaseModel)

RUN_CURE = (
    "run `rung climb` again, which writes it anew without asking a model for what it answered "
    "already, or move the folder of that run away"
)
EVIDENCE_CURE = (
    "serve another winner (`rung rollback`) or climb again; what was measured stands in the run"
)
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}


def read_model(path: Path, kind: type[M], cure: str) -> M:
    """The whole file as `kind`. Raises `StoreError`, also where there is no file."""
    return model_of(read_bytes(path, cure), kind, str(path), cure)


def read_kept(path: Path, kind: type[M]) -> M | None:
    """What can be made again: None where it is not there, damaged, or of a newer version."""
    try:
        return read_model(path, kind, "")
    except StoreError:
        return None


def read_lines(path: Path, kind: type[M], cure: str) -> list[M]:
    """A file of one JSON object a line, blank ones left out; empty where there is no file."""
    if not path.exists():
        return []
    lines = enumerate(read_bytes(path, cure).split(b"\n"), 1)
    return [model_of(each, kind, f"{path}:{n}", cure) for n, each in lines if each.strip()]


def read_object(path: Path, cure: str, *, newest: int | None = None) -> dict[str, Any]:
    """A file of one JSON object, whose `format` is `newest` at most. Raises `StoreError`."""
    content = json_of(read_bytes(path, cure), str(path), cure)
    if not isinstance(content, dict):
        raise _broken(str(path), f"it holds {kind_of(content)} instead of an object", cure)
    if newest is not None and _is_newer(content, newest):
        raise _newer(str(path), f"format {content['format']}, this one reads {newest}", cure)
    return content


def json_of(data: bytes | str, what: str, cure: str) -> Any:
    """JSON that Rung wrote. Raises `StoreError`."""
    try:
        return json.loads(data)
    except RecursionError:
        raise _broken(what, "it is nested too deeply", cure) from None
    except UnicodeDecodeError:
        raise _broken(what, "it is no UTF-8 text", cure) from None
    except TypeError:
        raise _broken(what, "it is no text", cure) from None
    except ValueError as error:
        why = str(error) if data.strip() else "it is empty"
        raise _broken(what, why, cure) from None


def model_of(data: bytes | str, kind: type[M], what: str, cure: str) -> M:
    """JSON that Rung wrote, as `kind`. Raises `StoreError`."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
    whole = json_of(data, what, cure)
    if not isinstance(whole, dict):
        raise _broken(what, f"it holds {kind_of(whole)} instead of an object", cure)
    if faults[0]["type"] == "json_invalid":
        # Half a character, which people's texts hold and pydantic's own reader refuses.
        try:
            return kind.model_validate(whole)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False, include_context=False)
    raise refused(faults, what, cure)


def refused(faults: list[Any], what: str, cure: str) -> StoreError:
    """The sentence for what pydantic found wrong (its `errors()`)."""
    unknown = [each for each in faults if each["type"] == "extra_forbidden"]
    if unknown:
        return _newer(what, f"it holds {_place(unknown[0])}, which this one does not know", cure)
    why_broken = (
        f"{_place(faults[0])}: {faults[0]['msg'].split(chr(10))[0]}" if faults else "it is broken"
    )
    return _broken(what, why_broken, cure)


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    return _KINDS.get(type(value), "a number")


def _is_newer(content: dict[str, Any], newest: int) -> bool:
    given = content.get("format")
    return isinstance(given, int) and given > newest


def _place(error: Any) -> str:
    return repr(".".join(map(str, error["loc"])))


def read_bytes(path: Path, cure: str) -> bytes:
    """The file. Raises `StoreError`."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _broken(str(path), "it is not there", cure) from None
    except OSError as error:
        raise _broken(str(path), error.strerror or str(error), cure) from None


def _broken(what: str, why: str, cure: str) -> StoreError:
    return StoreError(f"{what} cannot be read ({why}): {cure}")


def _newer(what: str, why: str, cure: str) -> StoreError:
    return StoreError(
        f"{what} was written by a newer Rung, or changed ({why}): use the Rung that wrote it, or "
        f"{cure}"
    )
