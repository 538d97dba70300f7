"""What this machine and this installation are, and what they lack."""

import ctypes
import importlib.util
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from npm_studio.resources import demo_model, demo_sequence, is_checkout

PACKAGES = (
    *("torch", "numpy", "scipy", "safetensors", "pydantic", "PyYAML", "pillow", "imageio-ffmpeg", "matplotlib"),
    *(
        "lightning-fabric",
        "tensorboardx",
        "platformdirs",
        "filelock",
        "warp-lang",
        "libigl",
        "manifold3d",
        "trimesh",
        "anny",
    ),
    *("av", "rosbags", "lz4", "vtk", "pyvista", "pyvistaqt", "PyQt6"),
)
SYSTEM_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
}
"""What Qt and OpenGL load on Linux, with the Debian package that has it."""
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


def versions() -> dict[str, str | None]:
    """Version of everything that matters, None for what is not installed."""
    found: dict[str, str | None] = {"Python": platform.python_version()}
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
    """Devices that ``--device`` takes, with their names."""
    found = {"cpu": processor()}
    if importlib.util.find_spec("torch") is None:
        return found
    import torch

    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        found[f"cuda:{index}"] = f"{torch.cuda.get_device_name(index)}, {memory:.0f} GiB"
    return found


def opengl() -> str | None:
    """Renderer and version of the OpenGL for pictures, None when there is none that works."""
    code = "from npm_studio.reports.pictures.offscreen import opengl_description as ask; print(ask())"
    try:
        asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return None
    return asked.stdout.strip().splitlines()[-1] if asked.returncode == 0 and asked.stdout.strip() else None


def display() -> str | None:
    """Where Qt would open a window, in words; None without a display."""
    chosen = os.environ.get("QT_QPA_PLATFORM")
    if chosen:
        return f"{chosen} (QT_QPA_PLATFORM)"
    if not sys.platform.startswith("linux"):
        return "native"
    for name, kind in (("WAYLAND_DISPLAY", "wayland"), ("DISPLAY", "xcb")):
        if os.environ.get(name):
            return f"{kind} ({name}={os.environ[name]})"
    return None


def problems(versions: dict[str, str | None], opengl: str | None) -> dict[str, str]:
    """What is missing and the remedy of each; empty when all is well.

    Args:
        versions: as `versions` gives them
        opengl: as `opengl` gives it
    """
    found = {}
    for name in (name for name, number in versions.items() if number is None):
        found[f"Python package {name}"] = how_to_install()
    if importlib.util.find_spec("csrc.depth") is None:
        compiler = f"install a C compiler and run: {how_to_install()}"
        found["compiled kernels (csrc.depth)"] = compiler if is_checkout() else "install a wheel made for this Python"
    packages = missing_system_packages()
    if packages:
        names = " ".join(packages.values())
        found[f"system libraries {', '.join(packages)}"] = f"sudo apt-get install {names}"
    if opengl is None:
        found["OpenGL without a window"] = "sudo apt-get install libegl1 libgl1-mesa-dri, or a graphics driver with EGL"
    for path in (demo_model(), demo_sequence()):
        if not path.is_dir():
            found[f"built-in {path.name}"] = "fetch the missing files" if is_checkout() else "install the wheel again"
    return found


def how_to_install() -> str:
    """The command that installs this program's packages; where it is installed, those that are missing."""
    return "pip install -e '.[gui]'" if is_checkout() else "pip install 'npm-studio[gui]'"


def missing_system_packages() -> dict[str, str]:
    """Debian package by the library (or font) that is missing for windows and pictures; empty where not on Linux."""
    if not sys.platform.startswith("linux"):
        return {}
    missing = {library: package for library, package in SYSTEM_LIBRARIES.items() if not _loads(library)}
    folders = (Path(folder).expanduser() for folder in _FONT_FOLDERS)
    if not any(next(folder.rglob("*.[to]t[fc]"), None) for folder in folders if folder.is_dir()):
        missing["any font"] = "fonts-dejavu-core"
    return missing


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
