"""The report of a comparison: one page to look at, and tables for other programs."""
