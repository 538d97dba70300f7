"""From a slider to a mesh in the background."""
