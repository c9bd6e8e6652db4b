"""Tasks from other tools' files and folders."""

from rung.exchange.importing.imported import Imported
from rung.exchange.importing.looking import from_path
from rung.exchange.importing.promptfoo import from_promptfoo

__all__ = ["Imported", "from_path", "from_promptfoo"]
