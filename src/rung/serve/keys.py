"""API keys: 256 random bits each, kept as a hash, compared in constant time.

A key is shown once, when it is made. Where there are none, the server answers this machine only.
"""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime

from rung.errors import StoreError, UserError
from rung.project import ProjectFolder, write_whole
from rung.state import read_model
from rung.task.types import Frozen
from rung.task.wording import listed

FILE = "keys.json"
PREFIX = "rung_"
_CURE = "mend it, or delete it and make new keys (`rung keys add`)"
_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)


class Key(Frozen):
    """What is kept of a key."""

    name: str
    sha256: str
    """Of the key. Without salt and stretching: 256 random bits cannot be guessed."""
    created: AwareDatetime


class _File(Frozen):
    keys: tuple[Key, ...] = ()


class KeyRing:
    """The keys of one task. A change to the file counts from the next request on."""

    def __init__(self, folder: Path) -> None:
        self.path = ProjectFolder(folder).folder / FILE
        self._read: tuple[tuple[int, int, int] | None, tuple[Key, ...]] = (None, ())

    def kept(self) -> tuple[Key, ...]:
        """Every key, oldest first. Raises `StoreError` where the file cannot be read."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read ({error.strerror}): {_CURE}") from None
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._read[0]:
            self._read = (stamp, read_model(self.path, _File, _CURE).keys)
        return self._read[1]

    def owner(self, given: bytes) -> str | None:
        """The name of that key, or None. Takes as long for one guess as for another."""
        digest = hashlib.sha256(given).hexdigest()
        name = None
        for key in self.kept():
            if hmac.compare_digest(key.sha256, digest):
                name = key.name
        return name

    def add(self, name: str) -> str:
        """Make a key and return it; it cannot be shown again. `UserError` for a taken name."""
        if not _NAME.fullmatch(name):
            raise UserError(
                f"{name!r} cannot name a key: use up to 64 letters, digits, '.', '_', '-' and '@'"
            )
        kept = self.kept()
        if any(key.name == name for key in kept):
            raise UserError(f"there is a key {name!r} already: choose another name, or remove it")
        made = PREFIX + secrets.token_urlsafe(32)
        digest = hashlib.sha256(made.encode()).hexdigest()
        self._write((*kept, Key(name=name, sha256=digest, created=datetime.now(UTC))))
        return made

    def remove(self, name: str) -> None:
        """Forget a key; `UserError` where there is none of that name."""
        kept = self.kept()
        left = tuple(key for key in kept if key.name != name)
        if len(left) == len(kept):
            names = [key.name for key in kept]
            known = f"known: {listed(names)}" if names else "there are none"
            raise UserError(f"no key is called {name!r}; {known}")
        self._write(left)

    def _write(self, keys: tuple[Key, ...]) -> None:
        write_whole(self.path, _File(keys=keys).model_dump_json(indent=1) + "\n", mode=0o600)
