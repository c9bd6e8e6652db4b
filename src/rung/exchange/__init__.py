"""Other tools' files: tasks that come in, and what leaves Rung."""
