"""Writing that the embedder cannot read."""

from rung.audit.base import NOTHING, Found, one, percent
from rung.audit.material import Material
from rung.records import Flag

WARNS = 0.3


def check(material: Material) -> Found:
    """`embedder-language`: search by meaning and the no-llm rungs see letters, not words."""
    if material.unread < WARNS:
        return NOTHING
    return one(
        Flag(
            id="embedder-language",
            severity="warn",
            figure=round(material.unread, 4),
            threshold=WARNS,
            source="our own: an English vocabulary reads other writing by single letters, or not",
            text=(
                f"{percent(material.unread)} of the letters stand in words that the embedder "
                f"{material.task.models.embedder} cannot read: search by meaning, nearest "
                "examples and the no-llm rungs may be near chance."
            ),
            advice="Name an embedder of that language in [models] embedder, such as "
            "local/multilingual-e5-small (`rung models fetch multilingual-e5-small`). Documents "
            "are searched by words alone where that finds as much on the training examples.",
        )
    )
