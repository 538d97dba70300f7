"""Depth sequences: read, written, their subject isolated, their camera placed."""
