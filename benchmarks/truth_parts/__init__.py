"""Parts of the truth benchmark: score tables, replayed climbs, advisers, and what is counted."""
