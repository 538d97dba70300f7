"""Adapters to what others made: body models, datasets, captures."""
