"""Meshes, cameras, signed distance, sampling and ray casting."""
