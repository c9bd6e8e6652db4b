"""What a module can say, read from its source: a list that nobody can forget to extend."""

from __future__ import annotations

import ast
import re
from pathlib import Path


def phrases(path: str) -> set[str]:
    """Wordings of a module: its string constants that hold a word, with `{}` for what is put in."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(part) for node in joined for part in node.values}
    inside |= {id(p) for n in joined for f in n.values for p in ast.walk(f) if _is_format(f)}
    found = {_joined(node) for node in joined if id(node) not in inside}
    found |= {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in bare | inside
    }
    return {text for text in found if re.search(r"[a-zA-Z]{3}", text.replace("{}", ""))}


def _is_format(part: ast.AST) -> bool:
    return isinstance(part, ast.FormattedValue) and part.format_spec is not None


def _joined(node: ast.JoinedStr) -> str:
    return "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)


FEWEST_LETTERS = 12


def sentences(*paths: str) -> set[str]:
    """Wordings of modules that claim something: words around a figure, or more than a label."""
    found = set().union(*map(phrases, paths))
    return {t for t in found if " " in t.strip() and sum(map(str.isalpha, t)) >= FEWEST_LETTERS}


def tell_apart(sentence: str, true: str, false: str) -> None:
    """That it stands in the one text and not in the other, whatever is put in."""
    pattern = ".*".join(map(re.escape, re.split(r"\{[^ }]*\}", sentence)))
    true, false = (" ".join(text.split()) for text in (true, false))
    assert re.search(pattern, true), true
    assert not re.search(pattern, false), false
