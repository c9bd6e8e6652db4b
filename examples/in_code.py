"""A task built in code, with a plain function as its scorer, climbed and used.

A folder climbs in one line: `rung.climb("examples/aarlund/ticket-routing")`.

Run it with `python examples/in_code.py`: the embedded models, no key, no network.
"""

import json
from pathlib import Path

import rung
from rung.report.reasons import next_text, reason_texts

ROWS = Path(__file__).parent / "aarlund" / "ticket-routing" / "examples.jsonl"
QUEUES = ("battery", "billing", "brakes-wheels", "returns")


def same_queue(expected: object, answer: str) -> bool:
    """The scorer: any function of the expected answer and the model's text."""
    return answer.strip() == expected


def build() -> rung.Task:
    """The whole task."""
    rows = [rung.Example(**json.loads(line)) for line in ROWS.read_text().splitlines()]
    mine = [row for row in rows if row.expected in QUEUES]
    return rung.Task(
        name="four-queues",
        instruction="Route the customer's message to one queue.",
        output=rung.LabelsOutput(labels=QUEUES),
        target=rung.Target(metric="accuracy", score=0.65),
        train=mine[:120],
        dev=mine[120:150],
        test=mine[150:230],
        scorer=same_queue,
    )


def main(folder: Path = Path()) -> rung.RunResult:
    """Climb, print the verdict, ask the winner."""
    result = rung.climb(build(), rung.ClimbOptions(folder=folder / ".rung"))
    print(result.verdict.status, result.verdict.choice)
    print(*reason_texts(result), next_text(result), sep="\n")
    if result.verdict.choice:
        answer = rung.open_winner(folder).ask("My battery does not charge past 40 percent.")
        print(answer.value, answer.confidence)
    return result


if __name__ == "__main__":
    main()
