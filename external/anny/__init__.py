"""Registered datasets of human bodies from the Anny model (Apache-2.0, its data CC0)."""
