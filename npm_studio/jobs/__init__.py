"""Fitting and export in the background."""
