"""What the handlers share: the solver, its limits, who may ask, and the log."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

from rung.errors import StoreError
from rung.privacy.redaction import Redactor
from rung.serve.circuit import share
from rung.serve.errors import ApiError
from rung.serve.keys import KeyRing
from rung.serve.limits import Gate, Pressure, Rate, SharedRate
from rung.serve.metrics import Metrics
from rung.serve.settings import Settings
from rung.serve.telemetry import Spans, open_spans
from rung.serve.winner import Served
from rung.solver import CircuitBreaker
from rung.traffic import TrafficRecord, open_store
from rung.traffic.records import now
from rung.traffic.writer import TrafficWriter

CLEANING_S = 3600.0
"""How often what is too old is deleted from the log."""
LOG_WAIT_S = 5.0
"""For an answer to be logged while another process holds the log."""
MOST_UNLOGGED = 1_000
"""Answered requests that wait in memory for a log that another process holds."""

log = logging.getLogger("rung.serve")


@dataclass
class Service:
    """One worker's. Make it with `open_service`."""

    settings: Settings
    served: Served
    keys: KeyRing
    started_with_keys: bool
    gate: Gate
    metrics: Metrics
    pressure: Pressure
    spans: Spans
    breaker: CircuitBreaker | None = None
    """With a winner's first model; None where outages fail the request."""
    rate: SharedRate | None = None
    writer: TrafficWriter | None = None
    log_works: bool = True
    """Whether the newest request could be logged."""
    _beside: list[asyncio.Task[None]] = field(default_factory=list, repr=False)

    def keys_needed(self) -> bool:
        """Whether a request needs a key. One that was needed once is needed until the end:
        removing the last key shuts everybody out, it opens nothing."""
        return self.started_with_keys or bool(self.keys.kept())

    def samples(self, request_id: str) -> bool:
        """Whether the log keeps this request: by its id, which is random."""
        return int(request_id[-8:], 16) < self.settings.limits.sample * 2**32

    def refuse_unlogged(self) -> None:
        """Raises `ApiError` (503) where so many wait for a held log that memory would fill."""
        if self.writer is not None and self.writer.backlog >= MOST_UNLOGGED:
            self.metrics.refused.labels("log").inc()
            raise ApiError(
                503,
                "The traffic log is held by another process: try again later.",
                code="log_unavailable",
                retry_after_s=LOG_WAIT_S,
            )

    async def keep(self, record: TrafficRecord) -> bool:
        """Log one request; False where it was not, which never costs the client its answer."""
        if self.writer is None or not self.samples(record.id):
            return False
        try:
            # Not cancelled: what cannot be written in time is written when it can.
            left = max(0.05, self.settings.limits.timeout_s - record.latency_s)
            writing = asyncio.shield(self.writer.write(record))
            await asyncio.wait_for(writing, min(left, LOG_WAIT_S))
        except TimeoutError:
            self.log_works = False
            self.metrics.unlogged.inc()
            waiting = self.writer.backlog
            log.error(
                "%s is not logged yet: another process holds the log, %d wait for it",
                record.id,
                waiting,
            )
            return False
        except StoreError as error:
            self.log_works = False
            self.metrics.unlogged.inc()
            log.error("%s was answered but not logged: %s", record.id, error)
            return False
        self.log_works = True
        return True

    async def start(self) -> None:
        """Load what answers, and begin to clean the log."""
        await self.served.warm_up()
        self.pressure.start()
        if self.writer is None:
            return
        if self.settings.limits.keep_days != "forever":
            self._beside.append(asyncio.create_task(self._clean(self.settings.limits.keep_days)))
        solver, store = self.served.solver, self.writer.store
        if self.breaker is not None and solver.parts.other is not None and store.is_shared:
            sharing = share(self.breaker, store, solver.chat.identity)
            self._beside.append(asyncio.create_task(sharing))

    async def aclose(self) -> None:
        """Finish what is to be logged, then close everything."""
        await self.pressure.stop()
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        if self.writer is not None:
            await asyncio.to_thread(self.writer.close)
            self.writer.store.close()
        await asyncio.to_thread(self.spans.flush)
        await self.served.aclose()

    async def _clean(self, days: float) -> None:
        assert self.writer is not None
        while True:
            try:
                gone = await asyncio.to_thread(
                    self.writer.store.forget, now() - timedelta(days=days)
                )
                if gone:
                    log.info("deleted %d requests older than %g days from the log", gone, days)
            except StoreError as error:
                log.error("%s", error)
            await asyncio.sleep(CLEANING_S)


def open_service(settings: Settings, served: Served) -> Service:
    """Open the log and everything else a worker needs. Raises `UserError`, `StoreError`."""
    limits = settings.limits
    keys = KeyRing(settings.folder)
    writer = None
    if settings.log is not None:
        redactor = Redactor(limits.redact_also) if limits.redact else None
        writer = TrafficWriter(open_store(settings.log, redactor))
    rate = None
    if limits.requests_per_minute is not None:
        path = settings.shared / "rates" if settings.shared else None
        own = Rate(limits.requests_per_minute, limits.burst, path)
        rate = SharedRate(own, writer.store if writer else None)
    gate = Gate(limits.most_at_once, limits.most_waiting, limits.most_wait_s)
    metrics = Metrics(served.key, served.digest)
    return Service(
        settings=settings,
        served=served,
        keys=keys,
        started_with_keys=bool(keys.kept()),
        gate=gate,
        metrics=metrics,
        pressure=Pressure(gate, limits, metrics),
        spans=open_spans(settings.otel),
        breaker=None if limits.model_wait_s is None else CircuitBreaker(limits.model_wait_s),
        rate=rate,
        writer=writer,
    )
