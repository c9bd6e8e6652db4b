"""What each candidate costs at a team's volume: pure arithmetic on measured usage and prices.

No I/O beyond the package's own tables, no clock: the date of the prices is passed in.
"""
