"""Whether this machine can draw without a window."""

import ctypes
import functools
import os

from engine.core.errors import InputError


@functools.cache
def require_offscreen_graphics() -> None:
    """Choose the way to draw off screen; call it before the first import of vtk or pyvista.

    Without an X display VTK is told to use EGL, which also works without a GPU. The choice is made once per process.

    Raises:
        InputError: no OpenGL can be had; names the remedy. VTK itself would crash the process instead.
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


def opengl_description() -> str:
    """Renderer and version of the OpenGL that pictures are drawn with.

    A broken driver may end the process, so ask in a process of its own.

    Raises:
        InputError: no OpenGL can be had.
    """
    require_offscreen_graphics()
    from vtkmodules.vtkRenderingCore import vtkRenderWindow

    window = vtkRenderWindow()
    window.SetShowWindow(False)
    window.Render()
    wanted = ("OpenGL renderer string:", "OpenGL version string:")
    lines = window.ReportCapabilities().splitlines()
    found = [line.split(":", 1)[1].strip() for key in wanted for line in lines if line.startswith(key)]
    return ", ".join([*found, window.GetClassName()])


def _loadable(*names: str) -> bool:
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False
