"""Versions of a task's data: three files named by the hash of what they hold, never changed.

    DIR/data/HASH/train.jsonl, dev.jsonl, test.jsonl, version.json

The hash is over the examples of the three splits, so equal data has one version, on any machine.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import tomlkit
from pydantic import Field
from tomlkit.items import Table

from rung.errors import StoreError, UserError
from rung.project import write_whole
from rung.state import read_lines, read_model
from rung.task.types import Example, Frozen, JsonValue, SplitName, digest

CURE = "make a new version with `rung harvest`: this one is lost unless a copy is restored"
FOLDER = "data"
ABOUT = "version.json"
HASH_CHARS = 16
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
Splits = Mapping[SplitName, Sequence[Example]]


class Changed(Frozen):
    """An example whose expected answer is another one now."""

    id: str
    was: JsonValue
    now: JsonValue


class Diff(Frozen):
    """What a version has that its parent has not, by split; ids."""

    added: dict[str, tuple[str, ...]]
    removed: dict[str, tuple[str, ...]]
    changed: dict[str, tuple[Changed, ...]]

    @property
    def empty(self) -> bool:
        """Whether both hold the same."""
        return not any(any(part.values()) for part in (self.added, self.removed, self.changed))

    def summary(self) -> str:
        """Such as `train +12 ~3, test -1`."""
        parts = []
        for split in SPLITS:
            counts = (
                ("+", len(self.added.get(split, ()))),
                ("-", len(self.removed.get(split, ()))),
                ("~", len(self.changed.get(split, ()))),
            )
            marks = " ".join(f"{sign}{n}" for sign, n in counts if n)
            if marks:
                parts.append(f"{split} {marks}")
        return ", ".join(parts) or "no difference"


class Version(Frozen):
    """`version.json`: everything about a version but its examples."""

    format: int = 1
    hash: str
    parent: str | None = None
    """Hash of the data that it was made from."""
    sizes: dict[str, int]
    diff: Diff
    """Against the parent."""
    provenance: dict[str, int] = Field(default_factory=dict)
    """How many examples of each origin were added: corrected, approved."""
    notes: tuple[str, ...] = ()


def hash_of(splits: Splits) -> str:
    """Equal examples in equal splits, equal hash; the order does not matter."""
    return digest({s: sorted(_row(e) for e in splits[s]) for s in SPLITS})


def diff(old: Splits, new: Splits) -> Diff:
    """What changed, split by split: an example is the same by its id."""
    added, removed, changed = {}, {}, {}
    for split in SPLITS:
        before = {e.id: e for e in old[split]}
        after = {e.id: e for e in new[split]}
        added[split] = tuple(sorted(after.keys() - before.keys()))
        removed[split] = tuple(sorted(before.keys() - after.keys()))
        changed[split] = tuple(
            Changed(id=i, was=before[i].expected, now=after[i].expected)
            for i in sorted(before.keys() & after.keys())
            if before[i].expected != after[i].expected or before[i].input != after[i].input
        )
    return Diff(added=added, removed=removed, changed=changed)


def write_version(
    root: Path,
    new: Splits,
    old: Splits,
    provenance: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> tuple[Path, Version]:
    """Write a version below `root` and return its folder. The same data again is left as it is.

    Raises `StoreError` where the folder cannot be written or holds other data than its name says.
    """
    digest = hash_of(new)
    version = Version(
        hash=digest,
        parent=hash_of(old),
        sizes={s: len(new[s]) for s in SPLITS},
        diff=diff(old, new),
        provenance=dict(provenance or {}),
        notes=tuple(notes),
    )
    folder = root / FOLDER / digest[:HASH_CHARS]
    if folder.exists():
        return folder, read_version(folder)[0]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".version-", dir=folder.parent) as work:
            made = Path(work) / "version"
            made.mkdir()
            for split in SPLITS:
                rows = sorted(_row(e) for e in new[split])
                (made / f"{split}.jsonl").write_text("".join(f"{r}\n" for r in rows), "utf-8")
            (made / ABOUT).write_text(version.model_dump_json(indent=1) + "\n", "utf-8")
            for file in made.iterdir():
                file.chmod(0o444)
            os.rename(made, folder)
    except OSError as error:
        raise StoreError(
            f"{folder} could not be written ({error.strerror or error}): free space and run again"
        ) from error
    return folder, version


def read_version(folder: Path) -> tuple[Version, dict[SplitName, list[Example]]]:
    """A version and its examples. `StoreError` where it holds other data than its name says."""
    version = read_model(folder / ABOUT, Version, CURE)
    splits = {s: read_lines(folder / f"{s}.jsonl", Example, CURE) for s in SPLITS}
    digest = hash_of(splits)
    if not digest.startswith(folder.name) or digest != version.hash:
        raise StoreError(
            f"{folder} was changed after it was made (its examples have the hash "
            f"{digest[:HASH_CHARS]}): versions are never edited; make a new one with `rung harvest`"
        )
    return version, splits


def versions(root: Path) -> list[Version]:
    """Every version below `root`, by name."""
    places = sorted(p for p in (root / FOLDER).glob("*") if (p / ABOUT).is_file())
    return [read_version(p)[0] for p in places]


def use_version(config: Path, folder: Path) -> Path | None:
    """Point `rung.toml` at a version; returns the copy that was kept of it, None where it
    names that version already.

    Only the lines `examples`, `train`, `dev`, `test`, `columns` of `[task]` change. `UserError`
    where they are written in a way that cannot be changed safely.
    """
    place = folder.relative_to(config.parent).as_posix()
    wanted = {split: f"{place}/{split}.jsonl" for split in SPLITS}

    def changed(task: Table) -> bool:
        named = [key for key in ("examples", *SPLITS) if key in task]
        if not named:
            return False
        if {key: task[key] for key in named} == wanted:
            return True
        for key in (*named, "columns"):  # a version's rows have Rung's own names
            if key not in wanted:
                task.pop(key, None)
        task.update(wanted)
        return True

    todo = f"set train, dev and test of [task] to the files in {folder}"
    return rewritten(config, changed, todo)


def use_inputs(config: Path, file: Path) -> Path | None:
    """Name a file of inputs as `unlabelled` in `[task]`; as `use_version`."""
    name = file.relative_to(config.parent).as_posix()

    def changed(task: Table) -> bool:
        if task.get("unlabelled") != name:
            task["unlabelled"] = name
        return True

    return rewritten(config, changed, f"set unlabelled of [task] to {name!r}")


def rewritten(config: Path, change: Callable[[Table], bool], todo: str) -> Path | None:
    """Change `[task]` of a `rung.toml`; returns the copy of it as it was, None where it is so
    already. `UserError` that says what is to do where `change` cannot, or there is no table."""
    text = config.read_text("utf-8-sig")
    document = tomlkit.parse(text)
    task = document.get("task")
    if not isinstance(task, Table) or not change(task):
        raise UserError(f"{config} is written in a way that is not changed for you: {todo}")
    if tomlkit.dumps(document) == text:
        return None
    backup = config.with_name(f"rung.{digest(text)[:8]}.toml")
    shutil.copyfile(config, backup)
    write_whole(config, tomlkit.dumps(document))
    return backup


def _row(example: Example) -> str:
    """One line, in one form."""
    plain = example.model_dump(mode="json", exclude_defaults=False)
    if not example.alternatives:
        del plain["alternatives"]
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)
