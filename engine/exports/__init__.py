"""Mesh sequences as files of other programs: what is exported, and a module for each kind of format."""
