"""A starter project from the answers: files that load as they are, to be replaced row by row."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from rung.decide.rules.answers import Answers
from rung.decide.rules.conditions import derive, thresholds

LABELLED = {
    "billing": (
        "I was charged twice for the same order.",
        "Can I get an invoice with our company name on it?",
        "Which cards do you take?",
        "My refund has not arrived yet.",
        "Why is the total higher than the price shown?",
        "Please change my payment method.",
        "The discount code was not applied.",
        "How do I pay by bank transfer?",
    ),
    "delivery": (
        "Where is my parcel?",
        "The tracking page has not moved for a week.",
        "Can you deliver to a pick-up point?",
        "My box arrived open and wet.",
        "I will be away on Friday, please come on Monday.",
        "The courier left it with the wrong neighbour.",
        "Do you ship to Norway?",
        "How long does express take?",
    ),
    "returns": (
        "The lamp does not fit, I want to send it back.",
        "How many days do I have to return something?",
        "Where do I print the return label?",
        "I sent it back, when do I get another size?",
        "Can I return a gift without the receipt?",
        "The wrong colour came, how do I swap it?",
        "Do I have to pay for sending it back?",
        "Is an opened package still returnable?",
    ),
}
DOCUMENTS = {
    "returns.md": (
        "# Returns\n\nGoods can be sent back within 30 days. The return label is in the parcel.\n"
        "Opened packages are accepted when nothing is damaged. Sending back is free.\n"
    ),
    "delivery.md": (
        "# Delivery\n\nStandard delivery takes 3 days and costs 4 euros. Express takes 1 day and\n"
        "costs 9 euros. We deliver to Norway, Sweden and Denmark.\n"
    ),
    "care.md": (
        "# Care\n\nThe lamp has a warranty of 24 months. Bulbs are changed without tools.\n"
        "Clean the shade with a dry cloth.\n"
    ),
}
ANSWERED = (
    ("Within how many days can goods be sent back?", "30 days", "returns.md"),
    ("Where is the return label?", "in the parcel", "returns.md"),
    ("Is sending back free?", "yes", "returns.md"),
    ("When are opened packages accepted?", "when nothing is damaged", "returns.md"),
    ("How long does standard delivery take?", "3 days", "delivery.md"),
    ("What does standard delivery cost?", "4 euros", "delivery.md"),
    ("How long does express take?", "1 day", "delivery.md"),
    ("What does express cost?", "9 euros", "delivery.md"),
    ("Which countries do you deliver to?", "Norway, Sweden and Denmark", "delivery.md"),
    ("Do you deliver to Norway?", "yes", "delivery.md"),
    ("How long is the lamp's warranty?", "24 months", "care.md"),
    ("Which tool do I need to change a bulb?", "none", "care.md"),
    ("How is the shade cleaned?", "with a dry cloth", "care.md"),
    ("What may the shade be cleaned with?", "a dry cloth", "care.md"),
)

OTHER_OUTPUTS = (
    '# one of: labels = ["a", "b"], text = { max_words = 40 }, schema = "answer.schema.json",',
    '# sql = { database = "tables.sql" }',
)
OTHER_MODELS = (
    '# also: "openai/gpt-4.1-mini", "ollama/llama3", "http://localhost:8000/v1#my-model"',
)


def starter(answers: Answers, name: str) -> dict[str, str]:
    """Text of each file by its path in the new folder."""
    facts = derive(answers.facts(), thresholds(answers.thresholds))
    reads = facts["knowledge_need"] is True
    files = {"rung.toml": _config(answers, name, reads=reads), ".gitignore": ".rung/\n"}
    rows: list[dict[str, Any]]
    if not reads:
        rows = [
            {"input": text, "expected": label}
            for label, texts in LABELLED.items()
            for text in texts
        ]
        return {**files, "examples.jsonl": _jsonl(rows)}
    rows = [
        {"input": question, "expected": answer, "context_ids": [document]}
        for question, answer, document in ANSWERED
    ]
    return {
        **files,
        "examples.jsonl": _jsonl(rows),
        **{f"documents/{path}": text for path, text in DOCUMENTS.items()},
    }


def _jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _config(answers: Answers, name: str, *, reads: bool) -> str:
    """A `rung.toml` with the answers in their places; the rest says what to replace."""
    task = ["[task]", f"name = {json.dumps(name)}"]
    if reads:
        task.append('instruction = "Answer the question from the documents, in a few words."')
        shape = ["text = { max_words = 12 }"]
    else:
        task.append('instruction = "Route the customer\'s message to one queue."')
        shape = [f"labels = {json.dumps(list(LABELLED))}"]
    task.append('examples = "examples.jsonl"          # replace these rows with your own')
    if reads:
        task.append('documents = "documents/"             # and these files')
    score = answers.score_needed
    if score is None:
        score = thresholds(answers.thresholds)["good-enough"]
    volume = 10_000 if answers.requests_per_month is None else int(answers.requests_per_month)
    blocks = [
        task,
        ["[output]", *shape, *OTHER_OUTPUTS],
        ["[target]", f"score = {_number(score)}                         # what is good enough"],
        ["[workload]", f"requests_per_month = {volume}", "months = 12"],
        ["[models]", 'try = ["local/smollm2-135m-instruct"]', *OTHER_MODELS],
        _facts(answers),
        [
            "[costs]",
            "# labour_usd_per_hour = 100           # then set-up and data work are priced",
            "# curation_hours = 40",
        ],
        ["[climb]", "seed = 0"],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _facts(answers: Answers) -> list[str]:
    lines = []
    if answers.knowledge_changes is not None:
        lines.append(f'knowledge_changes = "{answers.knowledge_changes}"')
    if answers.needs_citations is not None:
        lines.append(f"needs_citations = {'true' if answers.needs_citations else 'false'}")
    if answers.definition_changes is not None:
        lines.append(f'definition_changes = "{answers.definition_changes}"')
    return ["[facts]", *lines] if lines else []


def _number(value: Decimal) -> str:
    text = f"{value.normalize():f}"
    return text if "." in text else text + ".0"
