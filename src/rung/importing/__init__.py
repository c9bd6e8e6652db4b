"""Tasks from other tools' files and folders."""

from rung.importing.imported import Imported
from rung.importing.looking import from_path
from rung.importing.promptfoo import from_promptfoo

__all__ = ["Imported", "from_path", "from_promptfoo"]
