"""The command line: an edge; it holds no logic of its own."""
