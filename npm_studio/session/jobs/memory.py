"""How much memory a process takes."""

import os
from pathlib import Path


def resident_bytes(process: int) -> int | None:
    """Of the process with this number; None where the system does not say, or it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
