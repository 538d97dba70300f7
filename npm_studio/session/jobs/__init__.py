"""Fitting, loading and measuring in the background."""
