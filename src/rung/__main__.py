"""`python -m rung`: the command line."""

from rung.cli.app import main

main()
