"""Bodies and hands of the SMPL family (Loper et al. 2015, Romero et al. 2017) from the user's own model files."""
