"""The framework as data: every rule with its condition, source and strength, and a small evaluator.

Nothing here measures: a rule is a prior, it says where to look first.
"""
