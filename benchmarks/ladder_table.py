"""Tables of what `ladder.py` kept: for a terminal, and between the marks of a Markdown file."""

from __future__ import annotations

from typing import Any, NamedTuple

Kept = dict[str, Any]
"""What `ladder.py` keeps of a set: the exhaustive run, the plain one, seconds."""
Row = dict[str, Any]
"""A candidate's result, as `run.json` holds it."""

BEGIN, END = "<!-- measured: written by ladder.py --write -->", "<!-- end of what was measured -->"


class Expected(NamedTuple):
    """Which technique the literature expects to do best on a set."""

    techniques: tuple[str, ...]
    words: str
    source: str


EXPECTED = {
    "banking12": Expected(
        ("fine-tuning", "no-llm"),
        "fine-tuning or a light classifier; similar examples in the prompt next",
        "Loukas et al. 2023, arXiv:2311.06102",
    ),
    "banking77": Expected(
        ("fine-tuning", "no-llm"),
        "fine-tuning or a light classifier; similar examples in the prompt next",
        "Loukas et al. 2023, arXiv:2311.06102; MTEB: MiniLM + logistic regression 0.80",
    ),
    "complaints-6": Expected(
        ("no-llm", "prompting"), "a light classifier, or prompting", "README of the set"
    ),
    "snips-intent": Expected(
        ("no-llm", "prompting"), "few-shot prompting, or nearest neighbour", "README of the set"
    ),
    "banking10-noisy": Expected(
        ("no-llm", "prompting"),
        "none is far ahead before the labels are cleaned; fine-tuning loses most",
        "Northcutt et al. 2021; README of the set",
    ),
    "usaddress-json": Expected(
        ("fine-tuning",), "fine-tuning; similar examples in the prompt next", "README of the set"
    ),
    "snips-slots": Expected(
        ("fine-tuning",), "fine-tuning", "Coucke et al. 2018, arXiv:1805.10190"
    ),
    "wikigold-ner": Expected(
        ("fine-tuning",), "fine-tuning, for a small model", "README of the set"
    ),
    "wikisql-mini": Expected(("fine-tuning",), "fine-tuning", "Zhong et al. 2017, Seq2SQL"),
    "wiki-docs-qa": Expected(
        ("rag", "hybrid"),
        "RAG; the hybrid for a small reader",
        "Ovadia et al. 2023, arXiv:2312.05934; RAFT 2024, arXiv:2403.10131",
    ),
    "pubmedqa": Expected(
        ("hybrid",), "hybrid (RAFT, or tuning and RAG)", "RAFT 2024, arXiv:2403.10131, table 1"
    ),
    "tldr-style": Expected(
        ("fine-tuning", "prompting"),
        "fine-tuning, or few-shot with the style guide",
        "README of the set",
    ),
    "ticket-routing": Expected(("no-llm",), "no language model: it was written so", "examples/"),
    "policy-answers": Expected(("rag",), "RAG: it was written so", "examples/"),
    "case-notes": Expected(("fine-tuning",), "fine-tuning: it was written so", "examples/"),
    "handbook-desk": Expected(("hybrid",), "the hybrid: it was written so", "examples/"),
}


def said(row: Row) -> str:
    """A candidate in words: what fills its slots."""
    candidate = row["candidate"]
    prompt, context = candidate["prompt"], candidate["context"]
    if row["technique"] == "no-llm":
        return str(row["model"]).replace("no-llm/", "MiniLM, ")
    parts = []
    if candidate["weights"]["kind"] == "lora":
        parts.append("LoRA")
    if prompt["shots"]["kind"] != "none":
        parts.append(f"{prompt['shots']['k']} {prompt['shots']['kind']} shots")
    passages = f"{context['k']} passage{'s' if context['k'] > 1 else ''}"
    if context["kind"] == "retrieved":
        parts.append(f"{passages} of {context['chunk_chars']} characters")
    elif context["kind"] == "gold":
        parts.append("gold passages (probe)")
    elif context["kind"] == "all":
        parts.append("all documents")
    return " + ".join(parts) or "instruction only"


def _score(row: Row) -> str:
    found = row["test"] or row["dev"]
    if not found or found["value"] is None:
        return "–"
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _value(row: Row) -> float:
    found = row["test"] or row["dev"]
    return float(found["value"]) if found and found["value"] is not None else -1.0


def _asked(row: Row) -> str:
    found = row["test"] or row["dev"]
    if not found:
        return "0"
    return f"{found['n']}" + ("" if row["test"] else " dev") + _troubles(found)


def _troubles(found: Row) -> str:
    return "".join(f", {found[k]} {k}" for k in ("errors", "unscored") if found[k])


def per_thousand(row: Row) -> str:
    """USD of 1,000 requests."""
    cost = row["cost_per_request_usd"]
    return "–" if cost is None else f"{cost * 1000:.4f}"


def _shipped(kept: Kept) -> list[Row]:
    return [r for r in kept["result"]["candidates"] if r["state"] != "probe" and _value(r) >= 0]


def best(kept: Kept) -> Row | None:
    """The candidate with the highest score; the cheaper one on a tie."""
    rows = _shipped(kept)
    return max(rows, key=lambda r: (_value(r), -(r["cost_per_request_usd"] or 0)), default=None)


def choice(kept: Kept) -> Row | None:
    """The row that the verdict of the exhaustive climb names."""
    key = kept["result"]["verdict"]["choice"]
    return next((r for r in kept["result"]["candidates"] if r["key"] == key), None)


def same_verdict(kept: Kept) -> bool:
    """Whether the plain climb says what the exhaustive one says."""
    verdict, plain = kept["result"]["verdict"], kept["plain"]
    return (verdict["status"], verdict["choice"]) == (plain["status"], plain["choice"])


def cost_ratio(kept: Kept) -> str:
    """The choice, or where there is none the best, beside the dearest candidate tried."""
    row = choice(kept) or best(kept)
    costs = [r["cost_per_request_usd"] for r in _shipped(kept) if r["cost_per_request_usd"]]
    if row is None or not row["cost_per_request_usd"] or not costs:
        return "–"
    return f"1/{max(costs) / row['cost_per_request_usd']:.0f}"


COLUMNS = ("candidate", "technique", "score", "asked", "$ per 1,000", "s each", "minutes", "state")


def cells(kept: Kept) -> list[tuple[str, ...]]:
    """The rows of one set's table, cheapest rung first as they were climbed."""
    return [
        (
            said(r),
            r["technique"],
            _score(r),
            _asked(r),
            per_thousand(r),
            f"{r['usage']['seconds']:.3f}",
            f"{kept['wall'].get(r['key'], 0.0) / 60:.1f}",
            r["state"],
        )
        for r in kept["result"]["candidates"]
    ]


def _facts(kept: Kept) -> list[str]:
    result, plain = kept["result"], kept["plain"]
    sizes, verdict = result["sizes"], result["verdict"]
    won, top = choice(kept), best(kept)
    expected = EXPECTED[kept["set"]]
    share = plain["used"] / max(1, plain["exhaustive"])
    agreed = "the same verdict" if same_verdict(kept) else f"verdict {plain['status']}"
    return [
        f"{sizes['train']} train, {sizes['dev']} dev, {sizes['test']} test; "
        f"{result['metric']} of at least {result['target']:g} wanted.",
        f"Expected: {expected.words} ({expected.source}).",
        f"Verdict: {verdict['status']}"
        + (f", cheapest that suffices: {said(won)} ({won['technique']})." if won else "."),
        f"Highest score: {said(top)} ({top['technique']}), {_value(top):.3f}." if top else "",
        _tokens(result["calls"]),
        f"A plain climb: {plain['used']} of {plain['exhaustive']} calls ({share:.0%}), {agreed}.",
    ]


def _tokens(calls: dict[str, int]) -> str:
    if not calls.get("tokens_forecast"):
        return ""
    used, ahead = calls["tokens"], calls["tokens_forecast"]
    return f"Tokens of all calls: {used:,}; forecast before the first: {ahead:,}."


def shown(kept: Kept) -> str:
    """One set for a terminal."""
    rows = [COLUMNS, *cells(kept)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    table = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    head = f"{kept['set']} ({kept['seconds'] / 60:.1f} minutes)"
    return "\n".join([head, *filter(None, _facts(kept)), "", *table, ""])


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [header, tuple("---" for _ in header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def overview(sets: list[Kept]) -> list[str]:
    """All sets in one table: what was expected, what won."""
    rows = []
    for kept in sets:
        sizes, result = kept["result"]["sizes"], kept["result"]
        won, top = choice(kept), best(kept)
        expected = EXPECTED[kept["set"]]
        met = "yes" if top and top["technique"] in expected.techniques else "no"
        rows.append(
            (
                kept["set"],
                f"{sizes['train']} / {sizes['test']}",
                f"{result['metric']} {result['target']:g}",
                expected.words,
                f"{top['technique']}: {said(top)}, {_value(top):.3f}" if top else "–",
                met,
                f"{won['technique']}: {said(won)}" if won else result["verdict"]["status"],
                cost_ratio(kept),
            )
        )
    header = (
        "set",
        "train / test",
        "target",
        "literature expects",
        "highest score",
        "as expected",
        "cheapest that suffices",
        "its cost to the dearest",
    )
    return markdown(header, rows)


def skipped(kept: Kept) -> list[str]:
    """What the exhaustive climb found of the rungs that the plain one skipped by diagnosis."""
    states = {r["key"]: r["state"] for r in kept["result"]["candidates"]}
    plain = kept["plain"]["states"]
    return [states[key] for key, state in plain.items() if state == "skipped"]


def thrift(sets: list[Kept]) -> list[str]:
    """Calls of the plain climb beside those of the exhaustive one."""
    rows = []
    for kept in sets:
        plain = kept["plain"]
        verdict = kept["result"]["verdict"]
        rows.append(
            (
                kept["set"],
                str(plain["used"]),
                str(plain["exhaustive"]),
                f"{plain['used'] / max(1, plain['exhaustive']):.0%}",
                verdict["status"],
                "yes" if same_verdict(kept) else f"no: {plain['status']}",
                str(len(skipped(kept))),
                str(sum(state == "pass" for state in skipped(kept))),
                str(kept["unskipped"]),
                f"{kept['seconds'] / 60:.1f}",
            )
        )
    used = sum(kept["plain"]["used"] for kept in sets)
    most = sum(kept["plain"]["exhaustive"] for kept in sets)
    agreed = sum(map(same_verdict, sets))
    minutes = sum(kept["seconds"] for kept in sets) / 60
    share = f"{used / max(1, most):.0%}"
    rows.append(
        (
            "all",
            str(used),
            str(most),
            share,
            "",
            f"{agreed} of {len(sets)}",
            str(sum(len(skipped(kept)) for kept in sets)),
            str(sum(state == "pass" for kept in sets for state in skipped(kept))),
            str(sum(kept["unskipped"] for kept in sets)),
            f"{minutes:.1f}",
        )
    )
    header = (
        "set",
        "calls, plain",
        "calls, exhaustive",
        "share",
        "exhaustive verdict",
        "same verdict",
        "rungs skipped",
        "of them would have passed",
        "calls without skipping",
        "minutes, exhaustive",
    )
    return markdown(header, rows)


def section(kept: Kept) -> list[str]:
    """One set: its facts and every candidate."""
    facts = [f"- {fact}" for fact in _facts(kept) if fact]
    return [f"### {kept['set']}", "", *facts, "", *markdown(COLUMNS, cells(kept)), ""]


def written(text: str, sets: list[Kept]) -> str:
    """A Markdown text with the tables between its two marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    dates = sorted({kept["date"] for kept in sets})
    machines = sorted({kept["machine"] for kept in sets})
    lines = [
        BEGIN,
        "",
        f"Measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))} on {'; '.join(machines)}.",
        "",
        "## What won",
        "",
        *overview(sets),
        "",
        "## What a plain climb asks",
        "",
        *thrift(sets),
        "",
        "## Every candidate",
        "",
        *[line for kept in sets for line in section(kept)],
        END,
    ]
    return before + "\n".join(lines) + after
