"""Suites that methods are measured on: cases with truth, every method on them, one table."""
