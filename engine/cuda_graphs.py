"""What all who record CUDA graphs in this process have to agree on."""

import threading

RECORDING = threading.RLock()
"""Held while a CUDA graph is recorded, and while one is replayed.

Up to PyTorch 2.12 the generator of random numbers that all share refuses replays while somebody records, and a wait for
the whole device, as `torch.cuda.graph` does before it records, ends the recordings of others.
"""
