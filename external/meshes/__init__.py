"""Datasets from folders of mesh files that share a topology."""
