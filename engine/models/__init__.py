"""The neural parametric model, its networks, codes and checkpoints."""
