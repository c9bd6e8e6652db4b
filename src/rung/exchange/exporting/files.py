"""Files of an export, held until all of them are made, then written together."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from rung.errors import StoreError, UserError
from rung.project import write_whole

HEADLESS = (
    "the label head is not exported: there the model names a label itself, so figures may be lower"
)
"""Noted where a candidate chooses by the log-probabilities of labels."""


@dataclass
class Files:
    """Names and contents below the export's folder, folders to copy, and what to say."""

    contents: dict[str, bytes] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, name: str, content: str | bytes) -> None:
        """Add a file."""
        self.contents[name] = content.encode() if isinstance(content, str) else content

    def copy(self, name: str, folder: Path) -> None:
        """Add a whole folder."""
        self.folders[name] = folder

    def note(self, text: str) -> None:
        """Say something to whoever exports."""
        self.notes.append(text)

    def write(self, out: Path) -> None:
        """Write them all. A file of that name with other content is never overwritten."""
        try:
            for name, content in self.contents.items():
                path = out / name
                if path.exists() and path.read_bytes() != content:
                    raise UserError(
                        f"{path} is there already and differs: choose another folder with --out, "
                        "or delete it"
                    )
            for name, folder in self.folders.items():
                if (out / name).exists() and not _same(out / name, folder):
                    raise UserError(
                        f"{out / name} is there already and differs: choose another folder with "
                        "--out, or delete it"
                    )
            for name, content in self.contents.items():
                write_whole(out / name, content)
            for name, folder in self.folders.items():
                if not (out / name).exists():
                    shutil.copytree(folder, out / name)
        except OSError as error:
            raise StoreError(
                f"{out} could not be written ({error.strerror or error}): free space or choose "
                "another folder with --out"
            ) from error


def _same(one: Path, other: Path) -> bool:
    def read(folder: Path) -> dict[str, bytes]:
        return {
            str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
        }

    return read(one) == read(other)
