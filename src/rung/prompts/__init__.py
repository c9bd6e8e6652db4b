"""The prompt slot: from a task, shots and passages to the messages of a call."""
