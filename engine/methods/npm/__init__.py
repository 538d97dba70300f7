"""The fit of a neural parametric model to depth."""
