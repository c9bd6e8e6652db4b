"""What promptfoo's test cells assert: `equals: yes`, `llm-rubric: …`, plain text."""

import re
from collections.abc import Mapping

from rung.task.types import JsonValue

ANSWERS = ("equals", "iequals", "contains", "icontains")
"""promptfoo's assertions that name the right answer."""
_CELL = re.compile(r"(not-)?(?P<kind>[a-z][a-z-]*)(?:\([\d.]+\))?:(?P<value>.*)", re.DOTALL)
_KINDS = re.compile(
    r"(not-)?(equals|iequals|i?contains(-any|-all|-json|-sql|-xml)?|i?starts-with|regex|is-[a-z-]+|"
    r"javascript|fn|eval|python|webhook|similar|llm-rubric|grade|factuality|answer-[a-z]+|"
    r"context-[a-z]+|model-graded-[a-z]+|levenshtein|rouge-n|bleu|gleu|meteor|perplexity[a-z-]*|"
    r"cost|latency|moderation|select-best|g-eval|classifier|pi|guardrails|file)"
)


def expectations(data: Mapping[str, JsonValue]) -> list[tuple[str, str]]:
    """Kind and value of each `__expected` cell of a promptfoo row; plain text means `equals`."""
    pairs = []
    for key, cell in data.items():
        if not re.fullmatch(r"__expected\d*", key) or cell in (None, ""):
            continue
        text = str(cell)
        match = _CELL.fullmatch(text.strip())
        kind = (match[1] or "") + match["kind"] if match else ""
        if match and _KINDS.fullmatch(kind):
            pairs.append((kind, match["value"].strip()))
        else:
            pairs.append((text, "") if _KINDS.fullmatch(text.strip()) and "-" in text else
                         ("equals", text))  # fmt: skip
    return pairs
