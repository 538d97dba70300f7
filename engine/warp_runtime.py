"""Start NVIDIA Warp without anything on standard output or standard error."""

import functools
import os
import threading

import torch
import warp as wp

_starting = threading.Lock()


def start_warp() -> None:
    """Initialise Warp once per process, without its banner; call it before the first use of a kernel or array."""
    with _starting:  # a fit and the sliders may be first together: one would keep the other's silence for good
        _start_once()


@functools.cache
def _start_once() -> None:
    wp.config.log_level = wp.LOG_WARNING
    if torch.cuda.is_available():
        wp.init()
        return
    # Without a driver the native library writes a warning straight to file descriptor 2, whatever the log level.
    try:
        standard_error = os.dup(2)
    except OSError:  # closed, as in a windowed process
        wp.init()
        return
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            wp.init()
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
