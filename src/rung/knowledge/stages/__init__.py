"""The stages from a question to its passages: rewrite, search, fuse, rerank, cut and expand,
one object each."""

from rung.knowledge.stages.base import Hunt, Stage
from rung.knowledge.stages.shelf import STAGES, requests_of, stages_of

__all__ = ["STAGES", "Hunt", "Stage", "requests_of", "stages_of"]
