"""What promptfoo's test cells assert: `equals: yes`, `llm-rubric: …`, plain text."""

import re
from collections.abc import Mapping

from rung.task.types import JsonValue

METRICS = {
    "equals": "exact_match",
    "iequals": "exact_match",
    "contains": "contains",
    "icontains": "contains",
    "contains-any": "contains",
    "icontains-any": "contains",
    "similar": "token_f1",
    "factuality": "token_f1",
    "model-graded-factuality": "token_f1",
}
"""promptfoo's assertions that name an expected answer, and the metric that judges alike."""
_LISTS = ("contains-any", "contains-all")
_CELL = re.compile(r"(not-)?(?P<kind>[a-z][a-z-]*)(?:\([\d.]+\))?:(?P<value>.*)", re.DOTALL)
_KINDS = re.compile(
    r"(not-)?(equals|iequals|i?contains(-any|-all|-json|-sql|-xml)?|i?starts-with|regex|is-[a-z-]+|"
    r"javascript|fn|eval|python|webhook|similar|llm-rubric|grade|factuality|answer-[a-z]+|"
    r"context-[a-z]+|model-graded-[a-z]+|levenshtein|rouge-n|bleu|gleu|meteor|perplexity[a-z-]*|"
    r"cost|latency|moderation|select-best|g-eval|classifier|pi|guardrails|file)"
)


def expectations(data: Mapping[str, JsonValue]) -> list[tuple[str, JsonValue]]:
    """Kind and value of each `__expected` cell of a promptfoo row; plain text means `equals`."""
    pairs: list[tuple[str, JsonValue]] = []
    for key, cell in data.items():
        if not re.fullmatch(r"__expected\d*", key) or cell in (None, ""):
            continue
        text = str(cell)
        match = _CELL.fullmatch(text.strip())
        kind = (match[1] or "") + match["kind"] if match else ""
        if match and _KINDS.fullmatch(kind):
            value = match["value"].strip()
            many = kind.removeprefix("not-").removeprefix("i") in _LISTS
            pairs.append((kind, [one.strip() for one in value.split(",")] if many else value))
        else:
            pairs.append((text, "") if _KINDS.fullmatch(text.strip()) and "-" in text else
                         ("equals", text))  # fmt: skip
    return pairs
