"""Meshes to signed-distance sample pools."""
