"""`kill -9` under load loses no answered request; a stopping server finishes what it accepted."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from rung.traffic import open_store

from .upstream import Server, chat, endpoint, label_of, served
from .winners import save_winner

pytestmark = pytest.mark.slow
KILLS = 20
CLIENTS = 8
LETTERS = str.maketrans("0123456789", "abcdefghij")


class Load:
    """Clients that ask without a break and write down every answer that they have whole."""

    def __init__(self, server: Server) -> None:
        self.answered: list[tuple[str, str, str]] = []
        """Id, input, answer."""
        self.broken = 0
        self.statuses: Counter[int] = Counter()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(server, n)) for n in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop asking."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, server: Server, client: int) -> None:
        number = 0
        with httpx2.Client(base_url=server.url, timeout=30, verify=False) as http:
            while not self._stop.is_set():
                # No digits in a row: some would pass for a card number, which the log leaves out.
                text = f"tree {client}-{number}-{time.monotonic_ns()}".translate(LETTERS)
                body = {"model": "trees", "messages": [{"role": "user", "content": text}]}
                try:
                    answer = http.post("/v1/chat/completions", json=body)
                    self.statuses[answer.status_code] += 1
                    made = answer.json()
                    said = made["choices"][0]["message"]["content"]
                    self.answered.append((made["id"], text, said))
                except httpx2.HTTPError:
                    self.broken += 1
                    self._stop.wait(0.05)
                number += 1


@pytest.mark.parametrize("workers", [1, 2])
def test_twenty_kills_lose_nothing_that_was_answered(workers: int, tmp_path: Path) -> None:
    dice, answered, starts = random.Random(6), [], []
    kills = KILLS if workers == 1 else 3
    with endpoint(wait_s=0.01) as upstream:
        save_winner(tmp_path, upstream)
        for _ in range(kills):
            server = Server(tmp_path, "--workers", str(workers))
            starts.append(server.start_s)
            load = Load(server)
            while not load.answered:
                time.sleep(0.01)
            time.sleep(dice.uniform(0.1, 0.5))
            server.kill()
            load.end()
            answered += load.answered
            assert load.broken and set(load.statuses) == {200}
    store = open_store(tmp_path)
    kept = Counter(record.id for record in store.records())
    records = {record.id: record for record in store.records()}
    store.close()
    assert len(answered) > kills * 5
    assert {kept[request_id] for request_id, _, _ in answered} == {1}
    assert set(kept.values()) == {1}
    for request_id, asked, said in answered:
        record = records[request_id]
        assert record.input == asked and record.answer is not None
        assert record.answer.text == said == label_of(asked)
    # In the log without an answer on the wire: at most what was in flight.
    assert len(kept) - len(answered) <= kills * CLIENTS
    if workers == 1:
        assert sorted(starts)[len(starts) // 2] < 5.0, starts


@pytest.mark.parametrize(
    ("workers", "how"),
    [(1, signal.SIGTERM), (2, signal.SIGTERM), (1, signal.SIGINT), (1, signal.SIGHUP)],
)
def test_a_stopping_server_finishes_what_it_accepted(
    workers: int, how: signal.Signals, tmp_path: Path
) -> None:
    answers: list[int] = []
    asked = threading.Semaphore(0)

    def ask(server: Server, number: int) -> None:
        answers.append(chat(server, f"tree {number}").status_code)

    def late(text: str) -> str:
        asked.release()
        time.sleep(1.0)
        return label_of(text)

    with endpoint(late) as upstream:
        save_winner(tmp_path, upstream)
        with served(tmp_path, "--workers", str(workers)) as server:
            threads = [threading.Thread(target=ask, args=(server, n)) for n in range(6)]
            for thread in threads:
                thread.start()
            assert all(asked.acquire(timeout=30) for _ in threads)
            code = server.stop(how)
            for thread in threads:
                thread.join()
    assert answers == [200] * 6
    assert code in (0, -how)
    store = open_store(tmp_path)
    assert store.count() == 6
    store.close()


def test_workers_count_together(tmp_path: Path) -> None:
    with endpoint() as upstream:
        save_winner(tmp_path, upstream)
        with served(tmp_path, "--workers", "2") as server:
            for number in range(10):  # a connection each: both workers are likely to get some
                assert chat(server, f"tree {number}").status_code == 200
            told = httpx2.get(f"{server.url}/metrics").text
    assert 'rung_requests_total{status="200"} 10.0' in told
    assert "rung_serving{" in told


def test_a_hang_up_brings_the_new_winner_without_a_gap(tmp_path: Path) -> None:
    with endpoint() as upstream:
        old = save_winner(tmp_path, upstream)
        with served(tmp_path, "--workers", "2") as server:
            assert chat(server, "x").json()["rung"]["solver"] == old
            new = save_winner(tmp_path, upstream, instruction="Name the tree, please.")
            # A new file under an old one: workers that are asked meanwhile keep what they opened.
            assert chat(server, "x").json()["rung"]["solver"] == old
            server.process.send_signal(signal.SIGHUP)
            seen: list[str] = []
            for _ in range(600):
                seen.append(chat(server, "x").json()["rung"]["solver"])
                if seen[-12:] == [new] * 12:
                    break
                time.sleep(0.05)
    assert seen[-12:] == [new] * 12 and set(seen) <= {old, new}


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with endpoint() as upstream:
        save_winner(tmp_path, upstream)
        with served(tmp_path) as server, pytest.raises(AssertionError, match="cannot be listened"):
            Server(tmp_path, port=server.port)
