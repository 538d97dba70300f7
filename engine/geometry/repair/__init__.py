"""Closed copies of open meshes: merged seams, caps, patches, the level set of the winding number."""
