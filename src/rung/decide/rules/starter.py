"""A starter project from the answers: files that load as they are, to be replaced row by row."""

import json
from decimal import Decimal
from typing import Any, Literal

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
TABLES = """\
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, country TEXT, euros REAL, paid INTEGER);
INSERT INTO orders VALUES
  (1, 'Berg', 'NO', 120, 1), (2, 'Lind', 'SE', 80, 0), (3, 'Holm', 'DK', 45, 1),
  (4, 'Berg', 'NO', 60, 0), (5, 'Dahl', 'DK', 200, 1), (6, 'Lind', 'SE', 15, 1);
"""
QUERIED = (
    ("How many orders are there?", "SELECT COUNT(*) FROM orders"),
    ("How many orders are paid?", "SELECT COUNT(*) FROM orders WHERE paid = 1"),
    ("How many orders are not paid?", "SELECT COUNT(*) FROM orders WHERE paid = 0"),
    ("What is the largest order in euros?", "SELECT MAX(euros) FROM orders"),
    ("What is the smallest order in euros?", "SELECT MIN(euros) FROM orders"),
    ("What do all orders come to?", "SELECT SUM(euros) FROM orders"),
    ("How many orders came from Norway?", "SELECT COUNT(*) FROM orders WHERE country = 'NO'"),
    ("How many orders came from Denmark?", "SELECT COUNT(*) FROM orders WHERE country = 'DK'"),
    ("Which customers have not paid?", "SELECT DISTINCT customer FROM orders WHERE paid = 0"),
    ("Which countries do orders come from?", "SELECT DISTINCT country FROM orders"),
    ("What has Berg bought for?", "SELECT SUM(euros) FROM orders WHERE customer = 'Berg'"),
    ("Who ordered for more than 100 euros?", "SELECT customer FROM orders WHERE euros > 100"),
)
FIELDS = {
    "type": "object",
    "properties": {"person": {"type": "string"}, "place": {"type": "string"}},
    "required": ["person", "place"],
    "additionalProperties": False,
}
NAMED = (
    ("Anna Berg called from Oslo about her order.", "Anna Berg", "Oslo"),
    ("Please send the lamp to Jens Holm in Aarhus.", "Jens Holm", "Aarhus"),
    ("Our fitter in Malmö is Sara Lind.", "Sara Lind", "Malmö"),
    ("Bergen: Nils Dahl wants a refund.", "Nils Dahl", "Bergen"),
    ("Eva Strand has moved to Odense.", "Eva Strand", "Odense"),
    ("The parcel for Lars Moen is still in Gothenburg.", "Lars Moen", "Gothenburg"),
    ("Ask Ida Falk, she runs the shop in Kolding.", "Ida Falk", "Kolding"),
    ("Invoice to Per Vik, Trondheim.", "Per Vik", "Trondheim"),
    ("Uppsala again: Maja Ek says the bulb is broken.", "Maja Ek", "Uppsala"),
    ("Ole Krag will collect it himself in Ribe.", "Ole Krag", "Ribe"),
    ("We met Tove Aas at the fair in Stavanger.", "Tove Aas", "Stavanger"),
    ("From Lund, Karl Brink writes that all is well.", "Karl Brink", "Lund"),
)
Kind = Literal["labels", "documents", "sql", "fields"]
SHAPES: dict[Kind, tuple[str, str]] = {
    "labels": (
        "Route the customer's message to one queue.",
        f"labels = {json.dumps(list(LABELLED))}",
    ),
    "documents": (
        "Answer the question from the documents, in a few words.",
        "text = { max_words = 12 }",
    ),
    "sql": (  # a model sees the instruction and the question only: tables are named here
        "Write the SQLite query that answers the question. The table is orders (id, customer, "
        "country, euros, paid).",
        'sql = { database = "tables.sql" }',
    ),
    "fields": ("Name the person and the place.", 'schema = "answer.schema.json"'),
}
"""Instruction and `[output]` of each starter."""
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
    kind = _kind(answers, reads=facts["knowledge_need"] is True)
    return {
        "rung.toml": _config(answers, name, kind),
        ".gitignore": ".rung/\n",
        "examples.jsonl": "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in _rows(kind)),
        **_beside(kind),
    }


def _kind(answers: Answers, *, reads: bool) -> Kind:
    """What the starter answers with: a query or fields where that is the task, else as it reads."""
    if answers.use_case == "sql":
        return "sql"
    if reads:
        return "documents"
    return "fields" if answers.use_case == "entities" else "labels"


def _rows(kind: Kind) -> list[dict[str, Any]]:
    if kind == "labels":
        return [{"input": text, "expected": k} for k, texts in LABELLED.items() for text in texts]
    if kind == "documents":
        return [{"input": q, "expected": a, "context_ids": [d]} for q, a, d in ANSWERED]
    if kind == "sql":
        return [{"input": question, "expected": query} for question, query in QUERIED]
    return [
        {"input": text, "expected": {"person": person, "place": place}}
        for text, person, place in NAMED
    ]


def _beside(kind: Kind) -> dict[str, str]:
    """Files that the starter's `rung.toml` names, but for the examples."""
    if kind == "documents":
        return {f"documents/{path}": text for path, text in DOCUMENTS.items()}
    if kind == "sql":
        return {"tables.sql": TABLES}
    return {"answer.schema.json": json.dumps(FIELDS, indent=1) + "\n"} if kind == "fields" else {}


def _config(answers: Answers, name: str, kind: Kind) -> str:
    """A `rung.toml` with the answers in their places; the rest says what to replace."""
    instruction, shape = SHAPES[kind]
    task = ["[task]", f"name = {json.dumps(name)}", f"instruction = {json.dumps(instruction)}"]
    task.append('examples = "examples.jsonl"          # replace these rows with your own')
    if kind == "documents":
        task.append('documents = "documents/"             # and these files')
    score = answers.score_needed
    if score is None:
        score = thresholds(answers.thresholds)["good-enough"]
    volume = 10_000 if answers.requests_per_month is None else int(answers.requests_per_month)
    blocks = [
        task,
        ["[output]", shape, *OTHER_OUTPUTS],
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
