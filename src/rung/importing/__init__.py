"""Tasks from other tools' files."""

from rung.importing.promptfoo import Imported, from_promptfoo

__all__ = ["Imported", "from_promptfoo"]
