"""The method: networks, surfaces, training, fitting and evaluation, free of Qt and VTK."""

import os

# Waiting threads of a matrix product sleep instead of spinning: with a fit beside the sliders, or any other program
# on the same cores, spinning made products two to eight times slower. OpenMP reads this when PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
