"""From traffic to examples: which answers to label first, and the next version of the data."""

from rung.harvest.build import Harvested, build
from rung.harvest.queue import Queue, Wanted, queue
from rung.harvest.versions import Diff, Version, diff, read_version, versions, write_version

__all__ = [
    "Diff",
    "Harvested",
    "Queue",
    "Version",
    "Wanted",
    "build",
    "diff",
    "queue",
    "read_version",
    "versions",
    "write_version",
]
