"""The shelf of checks: each looks at a task's data in one way, and is one file."""
