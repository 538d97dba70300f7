"""The method: networks, surfaces, training, fitting and evaluation, free of Qt and VTK."""

import os

# Waiting threads of a matrix product sleep instead of spinning: with a fit beside the sliders, or any other program
# on the same cores, spinning made products two to eight times slower. OpenMP reads this when PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# oneDNN keeps what it compiled for the last thousand shapes of a product. Surfaces have another number of points every
# time, which made a process grow by 5 MB with each of them.
for _cache in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "32")
