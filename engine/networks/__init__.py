"""Decoders: positional encoding, shape (signed distance) and pose (displacement)."""
