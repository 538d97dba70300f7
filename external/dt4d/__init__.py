"""Datasets from DeformingThings4D animations."""
