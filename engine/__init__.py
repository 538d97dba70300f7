"""The method: networks, surfaces, training, fitting and evaluation, free of Qt and VTK."""
