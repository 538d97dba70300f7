"""Meshes that another program made, as a method among others."""
