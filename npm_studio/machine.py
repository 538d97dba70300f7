"""What this machine and this installation are, for reports."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "numpy", "warp-lang", "libigl", "trimesh", "anny", "vtk", "pyvista", "pyvistaqt", "PyQt6")


def versions() -> dict[str, str | None]:
    """Version of every package that matters, None for one that is not installed."""
    found: dict[str, str | None] = {"npm-studio": None, "Python": platform.python_version()}
    for name in ("npm-studio", *PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def processor() -> str:
    """Model name of the processor and the number of its cores that this process may use."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(errors="replace").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"


def devices() -> dict[str, str]:
    """Devices that `--device` takes, with their names."""
    import torch

    found = {"cpu": processor()}
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        found[f"cuda:{index}"] = f"{torch.cuda.get_device_name(index)}, {memory:.0f} GiB"
    return found
