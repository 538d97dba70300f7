"""Signed distance to mesh: folded decoders, pruning octree, contouring."""
