"""Files of code: their endings, and the grammar (extra `code`) that knows their symbols."""

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any

GRAMMARS = {
    ".py": "tree_sitter_python",
    ".js": "tree_sitter_javascript",
    ".jsx": "tree_sitter_javascript",
    ".mjs": "tree_sitter_javascript",
    ".ts": "tree_sitter_typescript",
    ".tsx": "tree_sitter_typescript",
    ".java": "tree_sitter_java",
    ".go": "tree_sitter_go",
    ".rs": "tree_sitter_rust",
    ".c": "tree_sitter_c",
    ".h": "tree_sitter_c",
    ".cc": "tree_sitter_cpp",
    ".cpp": "tree_sitter_cpp",
    ".hpp": "tree_sitter_cpp",
}
CODE = tuple(GRAMMARS)


@lru_cache(maxsize=len(GRAMMARS))
def grammar(ending: str) -> Any:
    """The tree-sitter language of a file's ending; None where it is no code or not installed."""
    module = GRAMMARS.get(ending)
    if module is None or find_spec(module) is None or find_spec("tree_sitter") is None:
        return None
    known = import_module(module)
    if module == "tree_sitter_typescript":
        return known.language_tsx() if ending == ".tsx" else known.language_typescript()
    return known.language()


def ending(name: str) -> str:
    """`.py` of `a/b.PY`."""
    return PurePath(name).suffix.lower()
