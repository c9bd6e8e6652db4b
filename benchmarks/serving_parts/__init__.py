"""The parts of the serving benchmark: a mock upstream and an open-loop load generator."""
