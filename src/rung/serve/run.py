"""Starting the server: checks first, then uvicorn with one worker or several."""

import logging
import math
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from rung.errors import StoreError, UserError
from rung.serve.app import build
from rung.serve.keys import KeyRing
from rung.serve.metrics import MULTIPROCESS, forget_ended_workers
from rung.serve.patience import PatientProtocol
from rung.serve.service import open_service
from rung.serve.settings import Settings
from rung.serve.winner import Served, open_served
from rung.traffic.review import open_log

VARIABLE = "RUNG_SERVE_SETTINGS"
"""How a worker is told its settings: nobody but this user can read it, no file is left."""

ACCEPTS = 64
"""Connections that are let in at a turn of the event loops, all workers together."""

log = logging.getLogger("rung.serve")


def refuse_open_door(settings: Settings) -> None:
    """Raises `UserError` where anybody on the network could ask without a key."""
    if not settings.loopback and not KeyRing(settings.folder).kept():
        raise UserError(
            f"--host {settings.host} is open to the network, and there is no API key: make one "
            f"with `rung keys add {settings.folder} NAME`, or serve on 127.0.0.1"
        )


def app_of_worker() -> ASGIApp:
    """What uvicorn calls in each worker."""
    _log_to_stderr()
    forget_ended_workers()
    settings = Settings.model_validate_json(os.environ[VARIABLE])
    return build(open_service(settings, open_served(settings)))


def serve(settings: Settings, announce: Callable[[Settings, Served, str], None]) -> None:
    """Serve until stopped; `announce` is told what and where once nothing stands against it.

    Raises `UserError` and `StoreError` before anything is answered.
    """
    _log_to_stderr()
    refuse_open_door(settings)
    served = open_served(settings)  # with workers, each opens its own; what is wrong shows here
    served.check_keys()
    with listening(settings.host, settings.port) as door:
        address = f"http://{settings.host}:{door.getsockname()[1]}"
        if settings.workers == 1:
            app = build(open_service(settings, served))
            announce(settings, served, address)
            server = uvicorn.Server(uvicorn.Config(app, **_how(settings)))
            _drain_on_hang_up(server)
            with often(door, settings) as doors:
                server.run(doors)
        else:
            if settings.log is not None:
                open_log(settings.folder, settings.log, create=True).close()
            announce(settings, served, address)
            _serve_with_workers(settings, door)


def _drain_on_hang_up(server: uvicorn.Server) -> None:
    """Workers are replaced on SIGHUP; one alone has nobody to take over, and finishes what it
    accepted instead of dying at once. Where somebody ignores the signal (nohup), so does it."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, server.handle_exit)


def _serve_with_workers(settings: Settings, door: socket.socket) -> None:
    with tempfile.TemporaryDirectory(prefix="rung-serve-") as shared:
        shared_settings = settings.model_copy(update={"shared": Path(shared)})
        os.environ[VARIABLE] = shared_settings.model_dump_json()
        os.environ[MULTIPROCESS] = shared
        try:
            config = uvicorn.Config(
                "rung.serve.run:app_of_worker",
                factory=True,
                workers=settings.workers,
                timeout_worker_healthcheck=60,
                **_how(settings),
            )
            with often(door, settings) as doors:
                workers = Multiprocess(config, sockets=doors)
                workers.run()
        finally:
            del os.environ[VARIABLE], os.environ[MULTIPROCESS]
        if any(each.exitcode == STARTUP_FAILURE for each in workers.processes):
            raise StoreError("a worker could not start: the lines above say why")


def listening(host: str, port: int) -> socket.socket:
    """The socket that is served. Raises `UserError` where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{host}:{port} cannot be listened on ({error}): choose another --port or --host"
        ) from None
    door.set_inheritable(True)
    return door


@contextmanager
def often(door: socket.socket, settings: Settings) -> Iterator[list[socket.socket]]:
    """The socket as often as it takes to let connections in while there is much to do.

    uvloop accepts one connection a turn for each listening handle, and a turn takes a tenth of a
    second under load: with one handle, clients wait for seconds before the server knows of them.
    Workers share the number, so that the first to wake does not take every connection.
    """
    with ExitStack() as stack:
        more = math.ceil(ACCEPTS / settings.workers) - 1
        yield [door, *(stack.enter_context(door.dup()) for _ in range(more))]


def _how(settings: Settings) -> dict[str, Any]:
    return {
        "http": PatientProtocol,
        "ws": "none",
        "loop": "auto",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "log_config": None,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": int(settings.limits.drain_s),
    }


def _log_to_stderr() -> None:
    """One line an event; no contents unless `--log-contents`."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("rung.serve", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.INFO)
