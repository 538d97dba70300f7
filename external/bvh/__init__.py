"""Motion capture in BVH files, and its retargeting to Anny bodies."""
