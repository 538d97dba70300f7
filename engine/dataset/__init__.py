"""Registered meshes, labels, sample pools and depth sequences on disk."""
