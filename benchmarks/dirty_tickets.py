"""300 tickets as nobody prepared them: `python benchmarks/dirty_tickets.py tickets.csv`.

Semicolons, Windows-1252, a header with blanks, days first, two blank rows, two rows twice,
labels in mixed case and with a blank before them, two misspelt, one in 25 wrong.
docs/data.md walks with it.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

ASKED = {
    "Billing": (
        "I was charged twice for order {n}",
        "Please refund the {m} invoice {n}",
        "Why is my bill {n} EUR higher this month?",
        "The invoice {n} has the wrong VAT number",
        "My card was debited for order {n} although I cancelled",
        "Can you resend invoice {n} as PDF?",
    ),
    "Delivery": (
        "Where is parcel {n}? It should have come on {m}",
        "The courier left package {n} in the rain",
        "Order {n} arrived with a dented box",
        "Tracking for {n} has not moved since {m}",
        "Can I change the delivery address of order {n}?",
        "Half of order {n} is missing from the parcel",
    ),
    "Account": (
        "I cannot log in, the reset mail for user {n} never comes",
        "Please delete my account {n}",
        "My password link {n} has expired",
        "How do I change the e-mail address on account {n}?",
        "Two-factor code is refused since {m}, user {n}",
        "My account {n} is locked after the update",
    ),
    "Heating": (
        "The heat pump shows error E{k} since {m}",
        "Radiator {k} stays cold, unit {n}",
        "Thermostat of unit {n} does not hold temperature",
        "Boiler {n} is leaking water",
        "Heat pump {n} is very loud at night",
        "After the service in {m} unit {n} heats no more",
    ),
}
WHEN = ("Monday", "Tuesday", "March", "April", "last week", "yesterday", "October")
BEFORE = ("Hello, ", "Hi team, ", "", "Sorry to bother you again. ", "URGENT! ", "Grüezi, ")
AFTER = ("", "", " Thanks, Zoë", " This is the second time I write!", " – Best regards")


def rows() -> list[list[str]]:
    """Always the same."""
    draw = random.Random(7)
    made = []
    for number in range(300):
        label = draw.choices(list(ASKED), [5, 4, 3, 3])[0]
        text = draw.choice(ASKED[label]).format(
            n=draw.randint(1000, 9999), m=draw.choice(WHEN), k=draw.randint(10, 99)
        )
        if draw.random() < 0.04:
            label = draw.choice([other for other in ASKED if other != label])
        spelt = draw.choice([*[label] * 8, label.upper(), label.lower(), f" {label}"])
        day = f"{draw.randint(1, 28):02d}.{draw.randint(1, 11):02d}.2026"
        asked = draw.choice(BEFORE) + text + draw.choice(AFTER)
        made.append([f"T-{number + 1:04d}", day, asked, spelt, draw.choice(("Zoë", "Søren"))])
    made[50][3], made[120][3] = "Heatng", "Bililng"
    made[77] = made[200] = [""] * 5
    return [*made, made[10], made[11]]


def main() -> int:
    """Write the file that is named."""
    with Path(sys.argv[1]).open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Ticket No", "Created", "Customer message", "Queue", "Agent"])
        writer.writerows(rows())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
