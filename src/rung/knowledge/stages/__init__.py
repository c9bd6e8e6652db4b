"""The stages from a question to its passages: rewrite, search, fuse, rerank, one object each."""

from rung.knowledge.stages.base import Hunt, Stage
from rung.knowledge.stages.shelf import STAGES, stages_of

__all__ = ["STAGES", "Hunt", "Stage", "stages_of"]
