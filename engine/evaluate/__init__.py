"""Metrics, each with its definition, unit and sample count."""
