"""Cython kernels for CPU work, each with a NumPy twin."""
