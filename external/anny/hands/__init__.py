"""Registered datasets of human hands from the Anny model."""
