"""One order from upload to tuned model, through crashes, without paying twice.

`job.json` in the order's folder says how far it came. It is written before the order is placed
("ordering") and again with the job's id before anything else is done. A crash in between, or an
answer that was lost, leaves "ordering": then the provider is asked for a job with the order's tag
before one is placed. So is a first order, because another machine may have placed it.

What can still go wrong: a provider that lists a new job only later than it is asked for (Together,
Vertex and OpenAI; Fireworks refuses a second job of the same id by itself).
"""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from rung.behaviour.trainers.base import Hooks, Order, Till
from rung.behaviour.trainers.hosted.base import (
    ENDED,
    Files,
    HostedJob,
    HostedTuner,
    check_job,
    to_jsonl,
)
from rung.behaviour.trainers.hosted.http import Unanswered
from rung.errors import ProviderError, StoreError, UserError
from rung.project import alone, write_whole
from rung.state import read_model
from rung.task.types import Frozen, digest

STATE_FILE = "job.json"
POLL_S, LONGEST_POLL_S = 5.0, 60.0
Stage = Literal["uploading", "ordering", "running", "cancelling", "done", "failed", "cancelled"]


class HostedResult(Frozen):
    """A tuned model and what it took."""

    provider: str
    job: str
    model: str
    """The name under which it answers."""
    train_tokens: int | None = None
    """As the provider counted them; None where it does not say."""
    expected_usd: float | None = None
    """Before the order: the provider's estimate, else tokens times a dated price."""
    usd: float | None = None
    """Afterwards: what the provider says, else its tokens times a dated price; None: unknown."""


class JobFile(Frozen):
    """`job.json`."""

    format: int = 1
    tag: str
    provider: str
    base: str
    stage: Stage = "uploading"
    train_file: str | None = None
    dev_file: str | None = None
    job: str | None = None
    expected_usd: Decimal | None = None
    usd: Decimal | None = None
    model: str | None = None
    trained_tokens: int | None = None
    problem: str | None = None


async def tune_hosted(
    tuner: HostedTuner, order: Order, folder: Path, till: Till, hooks: Hooks | None = None
) -> HostedResult:
    """The tuned model of an order; bought at most once, whatever was interrupted.

    `folder` holds the orders' states, each below its tag. Raises `BudgetExceeded` before the order
    is placed, `UserError` where the provider refused the data or the job failed, `ProviderError`
    where the provider cannot be asked: the job goes on there, and running again picks it up.
    """
    hooks = hooks or Hooks()
    place = folder / order.tag
    # Two that look for a job at once would both place it.
    busy = f"another process waits for the order {place.name} already: wait for it to end"
    with alone(place / "lock", busy):
        file = read_job(place) or JobFile(tag=order.tag, provider=tuner.name, base=order.model)
        if file.stage == "done":
            return _result(file)
        if file.stage in ("failed", "cancelled"):
            raise _ended(file, place)
        reserved: Decimal | None = None
        if file.job is None:
            file, reserved = await _order(tuner, order, place, file, till, hooks)
        file = await _wait(tuner, order, place, file, hooks)
        file = _priced(file, till, order)
        till.settle(reserved, file.usd if file.usd is not None else file.expected_usd)
        _write(place, file)
    if file.stage != "done":
        raise _ended(file, place)
    return _result(file)


async def _order(
    tuner: HostedTuner, order: Order, place: Path, file: JobFile, till: Till, hooks: Hooks
) -> tuple[JobFile, Decimal | None]:
    """Files up, price seen, job found or placed, its id on disk."""
    if file.stage == "ordering":
        job = await tuner.find(order)
        if job is not None:
            return _known(place, file, job), None
    check_job(
        tuner.limits, rows=len(order.train), epochs=order.weights.epochs, longest=order.longest
    )
    hooks.progress("uploading", 0.0)
    _write(place, file)
    files = await _upload(tuner, order)
    file = file.model_copy(update={"train_file": files.train, "dev_file": files.dev})
    job = await tuner.find(order)
    if job is not None:
        return _known(place, file, job), None
    expected = await tuner.quote(order, files)
    if expected is None:
        expected = till.price(_name(tuner, order), order.tokens)
    till.reserve(expected)
    file = file.model_copy(update={"stage": "ordering", "expected_usd": expected})
    _write(place, file)
    try:
        job = await tuner.start(order, files)
    except Unanswered as error:
        till.settle(expected, Decimal(0))
        raise Unanswered(
            f"{error} (the order {order.tag} may have been taken: it is looked for before it is "
            "placed again)",
            status=error.status,
        ) from None
    except ProviderError:
        till.settle(expected, Decimal(0))
        raise
    return _known(place, file, job), expected


async def _upload(tuner: HostedTuner, order: Order) -> Files:
    names = []
    for examples in (order.train, order.dev):
        data = to_jsonl(tuner.rows(examples), tuner.limits) if examples else b""
        # The name holds the content: what was uploaded once is found by it.
        name = f"rung-{digest(data.decode())[:20]}.jsonl"
        names.append(await tuner.upload(name, data, len(examples)) if examples else None)
    train, dev = names
    assert train is not None
    return Files(train, dev)


def _known(place: Path, file: JobFile, job: HostedJob) -> JobFile:
    """The job's id on disk: the first thing that happens once there is one."""
    file = file.model_copy(update={"stage": "running", "job": job.id})
    _write(place, file)
    return file


async def _wait(
    tuner: HostedTuner, order: Order, place: Path, file: JobFile, hooks: Hooks
) -> JobFile:
    assert file.job is not None
    wait = POLL_S
    while True:
        job = await tuner.look(file.job)
        if job.state in ENDED:
            break
        hooks.progress(f"{tuner.name} job {job.id}: {job.state}", 0.5)
        if hooks.stop():
            raise ProviderError(
                f"stopped waiting for the {tuner.name} job {job.id}: it goes on there; run again "
                "to pick it up, or cancel it with `rung jobs DIR --cancel`"
            )
        await hooks.pause(wait)
        wait = min(wait * 1.5, LONGEST_POLL_S)
    if job.state == "done" and not job.model:
        raise ProviderError(f"the {tuner.name} job {job.id} is done but names no model: run again")
    return file.model_copy(
        update={
            "stage": job.state,
            "model": job.model,
            "trained_tokens": job.trained_tokens,
            "usd": job.usd,
            "problem": job.problem,
        }
    )


def _priced(file: JobFile, till: Till, order: Order) -> JobFile:
    if file.usd is not None or file.trained_tokens is None:
        return file
    return file.model_copy(
        update={"usd": till.price(f"{file.provider}/{order.model}", file.trained_tokens)}
    )


async def cancel_job(tuner: HostedTuner, folder: Path, tag: str) -> JobFile:
    """Ask the provider for an end of the order's job, unless it has one already.

    Stage `cancelling` where the provider takes its time: asking again says how it stands.
    Raises `UserError` where there is no job to end.
    """
    place = folder / tag
    file = read_job(place)
    if file is None or file.job is None:
        raise UserError(f"no job was ordered under {tag!r}; `rung jobs DIR` lists them")
    if file.stage in ENDED:
        raise UserError(f"the job {file.job} is {file.stage} already")
    # Providers refuse to cancel what has ended, or what is being cancelled.
    job = await tuner.look(file.job)
    if job.state not in (*ENDED, "cancelling"):
        job = await tuner.cancel(file.job)
    if job.state == "done":
        # The file stays as it is: the next climb takes the model and books what it cost.
        raise UserError(f"the {tuner.name} job {file.job} is done already: climb again to use it")
    stage = job.state if job.state in ENDED else "cancelling"
    usd = file.usd if job.usd is None else job.usd
    file = file.model_copy(update={"stage": stage, "usd": usd, "problem": job.problem})
    _write(place, file)
    return file


def bought(folder: Path) -> list[JobFile]:
    """Every order that has a state on this machine."""
    if not folder.is_dir():
        return []
    files = (read_job(place) for place in sorted(folder.iterdir()) if place.is_dir())
    return [file for file in files if file is not None]


def read_job(place: Path) -> JobFile | None:
    """The state of an order; None where there is none. `StoreError` for one that is broken."""
    path = place / STATE_FILE
    if not path.exists():
        return None
    cure = (
        "a job may have been paid for; restore the file, or delete it and run again to have the "
        "provider asked for the job"
    )
    return read_model(path, JobFile, cure)


def _write(place: Path, file: JobFile) -> None:
    """Whole or not at all, and on the disk before the next step."""
    try:
        write_whole(place / STATE_FILE, file.model_dump_json(indent=1) + "\n", durable=True)
    except StoreError as error:
        if file.job is None:
            raise
        raise StoreError(f"{error}; the job {file.job} runs at the provider") from error


def _name(tuner: HostedTuner, order: Order) -> str:
    return f"{tuner.name}/{order.model}"


def _ended(file: JobFile, place: Path) -> UserError:
    why = f": {file.problem}" if file.problem else ""
    return UserError(
        f"the {file.provider} job {file.job} {file.stage}{why}; to order it again, delete "
        f"{place} and run again"
    )


def _result(file: JobFile) -> HostedResult:
    assert file.job is not None and file.model is not None
    return HostedResult(
        provider=file.provider,
        job=file.job,
        model=file.model,
        train_tokens=file.trained_tokens,
        expected_usd=None if file.expected_usd is None else float(file.expected_usd),
        usd=None if file.usd is None else float(file.usd),
    )
