"""Whether this machine can draw without a window."""

import ctypes
import functools
import os

from engine.errors import InputError


@functools.cache
def require_offscreen_graphics() -> None:
    """Choose the way to draw off screen; call it before the first import of vtk or pyvista.

    Without an X display VTK is told to use EGL, which also works without a GPU. The choice is made once per process.

    Raises:
        InputError: no OpenGL can be had; names the cure. VTK itself would crash the process instead.
    """
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  # registers the classes that the next lines choose from
    from vtkmodules.vtkCommonCore import vtkLogger
    from vtkmodules.vtkRenderingCore import vtkRenderWindow

    verbosity = vtkLogger.GetCurrentVerbosityCutoff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)  # it would describe each way that it tries in vain
    try:
        window = vtkRenderWindow().GetClassName()
    finally:
        vtkLogger.SetStderrVerbosity(verbosity)
    # OSMesa is the last resort, and VTK names it even where it is not installed
    if window == "vtkOSOpenGLRenderWindow" and not _loadable("libOSMesa.so.8", "libOSMesa.so"):
        raise InputError(
            "graphics", "OpenGL cannot be used without a window here", "run scripts/install_system_packages.sh"
        )


def _loadable(*names: str) -> bool:
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False
