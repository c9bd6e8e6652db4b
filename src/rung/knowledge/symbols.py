"""Code by its symbols: which definitions a place in it stands in."""

from typing import Any


class Symbols:
    """The definitions of a text of code, by a tree-sitter grammar."""

    def __init__(self, language: Any, text: str) -> None:
        from tree_sitter import Language, Parser

        self._tree = Parser(Language(language)).parse(text.encode())
        self._text = text

    def path(self, start: int) -> list[str]:
        """Names of the definitions around a character, outermost first; one that begins there is
        left out."""
        first = len(self._text[:start].encode())
        node = self._tree.root_node.descendant_for_byte_range(first, first)
        names: list[str] = []
        while node is not None:
            name = node.child_by_field_name("name")
            if name is not None and name.text and node.start_byte < first:
                names.append(name.text.decode())
            node = node.parent
        return names[::-1]
