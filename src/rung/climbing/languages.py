"""Whether the embedder can read what the task is written in."""

from rung.climbing.tools import Tools
from rung.errors import UserError
from rung.models.metered import unread_share
from rung.models.registry import open_embedder

LOOKED_AT = 200
"""Documents and inputs, as many of each."""
CHARS = 300
"""Of each of them."""


def unread_here(tools: Tools) -> float:
    """Share of the letters of documents and inputs that the embedder cannot read.

    0 where that cannot be told: an embedder given as an object, or one that cannot be opened (who
    needs it says so).
    """
    task = tools.task
    name = task.models.embedder
    try:
        opened = tools.options.embedders.get(name) or open_embedder(name, task.root)
        examples = [*task.train, *task.dev, *task.test][:LOOKED_AT]
        texts = [d.text[:CHARS] for d in task.documents[:LOOKED_AT]]
        return unread_share(opened, [*texts, *(e.input_text()[:CHARS] for e in examples)])
    except UserError:
        return 0.0
