"""The same parts in a browser, live while a climb runs: an edge, like the command line."""
