"""The shelf of probes, cheapest first: each changes one thing and has its placebo."""

from collections.abc import Awaitable, Callable

from rung.diagnose.bench import Bench, Case
from rung.diagnose.probes.behaviour import behaviour
from rung.diagnose.probes.form import form
from rung.diagnose.probes.instruction import instruction, reasoning
from rung.diagnose.probes.knowledge import knowledge, knowledge_and_behaviour
from rung.diagnose.probes.repeats import repeats
from rung.diagnose.probes.stronger import stronger
from rung.diagnose.probes.suspects import suspects
from rung.diagnose.probes.truncation import truncation
from rung.diagnose.probes.unread import unread
from rung.diagnose.records import ProbeResult

Probe = Callable[[Bench, Case], Awaitable[list[ProbeResult]]]

SHELF: tuple[Probe, ...] = (
    form,
    suspects,
    unread,
    truncation,
    knowledge,
    behaviour,
    knowledge_and_behaviour,
    instruction,
    stronger,
    reasoning,
    repeats,
)
"""In the order asked: a failure that one explains is not asked the next."""

KNOWLEDGE: tuple[Probe, ...] = (form, knowledge)
"""What decides whether a rung without documents can get there at all."""

__all__ = ["KNOWLEDGE", "SHELF", "Probe"]
