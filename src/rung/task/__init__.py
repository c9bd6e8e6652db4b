"""The task room: what is asked, and what is good enough.

`types` holds the data, `load` reads a folder with `rung.toml`, `contract` says what a valid answer
is. `config`, `examples`, `documents`, `splits`, `duplicates`, `rows` and `wording` serve `load`.
"""
