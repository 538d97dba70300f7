"""How much memory processes take, and what else of its machine a user wants to see."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

_GIB = 2**30


@dataclass(frozen=True)
class MachineUse:
    """What computes, and what that takes."""

    device: str
    process_bytes: int | None
    """None where the system does not say."""
    gpu_bytes: tuple[int, int] | None = None
    """Taken by all programs, and all there is."""

    def in_words(self) -> str:
        """One line."""
        parts = [self.device]
        if self.gpu_bytes is not None:
            parts.append(f"{self.gpu_bytes[0] / _GIB:.1f} of {self.gpu_bytes[1] / _GIB:.0f} GB")
        if self.process_bytes is not None:
            parts.append(f"{self.process_bytes / _GIB:.1f} GB")
        return " · ".join(parts)


def machine_use(device: torch.device | None) -> MachineUse:
    """Of this process, which computes on ``device``; None where no model is open."""
    own = resident_bytes(os.getpid())
    if device is None or device.type != "cuda":
        return MachineUse("CPU", own)
    free, total = torch.cuda.mem_get_info(device)  # GPU only
    return MachineUse(torch.cuda.get_device_name(device), own, (total - free, total))  # GPU only


def resident_bytes(process: int) -> int | None:
    """Of the process with this number; None where the system does not say, or it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
