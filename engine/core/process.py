"""Settings of a whole process, for whoever owns it: the command line, the application, a script."""

import os


def prepare_process() -> None:
    """Set environment variables that libraries read when they are loaded; call this before PyTorch is imported.

    Importing `engine` changes nothing of the process that it is imported in. Variables that are set already stay.
    """
    # Waiting threads of a matrix product sleep instead of spinning: with a fit beside the sliders, or any other
    # program on the same cores, spinning made products two to eight times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # oneDNN keeps what it compiled for the last thousand shapes of a product. Surfaces have another number of points
    # every time, which made a process grow by 5 MB with each of them.
    for cache in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(cache, "32")
