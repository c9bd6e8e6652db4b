"""A finished run as a terminal table, HTML, Markdown, JSON."""
