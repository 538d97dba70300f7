"""Codes from depth sequences."""
