"""Starting and ending the application: the only place that touches process-wide state.

Nothing of Qt is imported before `check_display` has found a display, because Qt aborts the process without one.
"""

import ctypes
import faulthandler
import gc
import importlib
import importlib.util
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from engine.core.errors import InputError
from engine.core.process import end_process, give_back_memory, limit_threads
from npm_studio.late_import import imported_when_used, not_found

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from PyQt6.QtGui import QSurfaceFormat
    from PyQt6.QtWidgets import QApplication

    from npm_studio.views.main_window import MainWindow

_INTERRUPTED = 130
"""Exit code after Ctrl-C, as of all commands."""
HEADLESS = "use demo, fit, evaluate, render, reconstruct, interpolate or transfer, which need none"


def check_display() -> None:
    """Make sure that a window can open.

    Raises:
        InputError: there is no display, or the libraries that Qt needs for it are missing.
    """
    if not sys.platform.startswith("linux"):
        return
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0]
    if platform in ("offscreen", "minimal", "vnc", "eglfs", "linuxfb"):
        return
    if platform != "xcb" and _wayland_answers():
        return
    if not _x11_answers():
        raise InputError("npm-studio gui", "there is no display to open a window on", HEADLESS)
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError:
        remedy = "install it (Debian, Ubuntu: sudo apt-get install libxcb-cursor0)"
        raise InputError("npm-studio gui", "the system library libxcb-cursor is missing", remedy) from None


def check_packages() -> None:
    """Make sure that Qt and PyVista are installed.

    Raises:
        InputError: one is missing.
    """
    try:
        for name in ("PyQt6.QtSvg", "PyQt6.QtWidgets"):
            importlib.import_module(name)
        if importlib.util.find_spec("pyvistaqt") is None:  # imported behind the splash: it takes seconds
            raise ImportError(name="pyvistaqt")
    except ImportError as error:
        from npm_studio.reports.machine import how_to_install

        remedy = f"install what the window needs: {how_to_install()}"
        raise InputError("npm-studio gui", f"{error.name or error} is not installed", remedy) from None


def create_application() -> "QApplication":
    """The Qt application, with what VTK and PyQt need set up before it."""
    os.environ.setdefault("QT_API", "pyqt6")
    from PyQt6.QtCore import Qt
    from PyQt6.QtGui import QSurfaceFormat
    from PyQt6.QtWidgets import QApplication

    from npm_studio.views.theme import choose_font

    # one format for the process, set before its first context and the one that VTK's views ask for
    QSurfaceFormat.setDefaultFormat(_surface_format())
    # without it, views that move between windows show each other's pictures
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("NPM Studio")
    app.setDesktopFileName("npm-studio")
    choose_font(app)
    return app


def begin_loading_torch() -> None:
    """Have a thread load the part of PyTorch that is no Python, which takes a core and not the interpreter's lock."""
    torch = importlib.util.find_spec("torch")
    if torch is not None and torch.origin is not None:
        library = Path(torch.origin).parent / "lib" / "libtorch_cpu.so"  # on Linux; elsewhere the import does it all
        threading.Thread(target=_load, args=(library,), daemon=True).start()


def _load(library: Path) -> None:
    with suppress(OSError):  # the import says it better
        ctypes.CDLL(str(library))


def import_graphics() -> None:
    """PyVista and VTK, but not yet the plots of Matplotlib, which PyVista imports for one setting and one kind of
    chart of them; nor mypy, of which it would import a plug-in where it is installed.
    """
    late = imported_when_used("matplotlib.pyplot", "matplotlib.backends.backend_agg", called=("FigureCanvasAgg",))
    with late, not_found("mypy"):
        importlib.import_module("pyvistaqt")


def run_application(begin: "Callable[[], Callable[[MainWindow], None]]") -> NoReturn:
    """Open the window and stay until it is closed; then the process ends.

    Args:
        begin: called as soon as PyTorch is there, while nothing but a splash is on screen; returns what opens files in
            the window. What it raises ends the application.
    """
    if sys.stderr is not None:  # a crash in a library would end the process without a word
        faulthandler.enable()
    app = create_application()
    from npm_studio.session.settings import load_settings
    from npm_studio.views.splash import Splash
    from npm_studio.views.theme import theme_named

    settings = load_settings()
    # collections would take a sixth of the start, and find nothing: what is made now stays
    gc.disable()
    with Splash(theme_named(settings.theme)) as splash:
        splash.say("Loading PyTorch…")
        if settings.threads:
            limit_threads(settings.threads)
        importlib.import_module("PyQt6.QtOpenGLWidgets")
        begin_loading_torch()
        for name in ("QtCore", "QtGui", "QtWidgets"):  # of Python alone: nothing waits for that library
            importlib.import_module(f"qtpy.{name}")
        importlib.import_module("torch")
        prepare = begin()
        splash.say("Loading 3-D graphics…")
        import_graphics()
        splash.say("Building the window…")
        from npm_studio.views.main_window import MainWindow

        window = MainWindow()
    # a fit runs many short Python steps; the window gets its turn between them after 1 ms instead of 5
    sys.setswitchinterval(0.001)
    _show_unexpected_errors(window)
    interrupts = _close_on_interrupt(window)
    app.setQuitOnLastWindowClosed(False)
    window.closed.connect(app.quit)
    _give_back_after_first_mesh(window)
    window.show()
    # no thread runs during a garbage collection: those of half a million objects that stay anyway took 0.2 s
    gc.freeze()
    gc.enable()
    prepare(window)
    window.files.offer_recovery()
    code = app.exec()
    sys.excepthook = sys.__excepthook__
    if not window.clean_exit:  # a thread did not stop; leaving it behind would abort the interpreter
        sys.stdout.flush()
        os._exit(code)
    end_process(_INTERRUPTED if interrupts() else code)


def _surface_format() -> "QSurfaceFormat":
    """Desktop OpenGL 3.2, as VTK's shaders need it; multi-sampling is done inside VTK."""
    from PyQt6.QtGui import QSurfaceFormat

    wanted = QSurfaceFormat()
    wanted.setRenderableType(QSurfaceFormat.RenderableType.OpenGL)
    wanted.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    wanted.setVersion(3, 2)
    wanted.setSwapBehavior(QSurfaceFormat.SwapBehavior.DoubleBuffer)
    for set_size in (wanted.setRedBufferSize, wanted.setGreenBufferSize, wanted.setBlueBufferSize):
        set_size(8)
    wanted.setAlphaBufferSize(8)
    wanted.setDepthBufferSize(8)
    wanted.setStencilBufferSize(0)
    wanted.setSamples(0)
    return wanted


def _give_back_after_first_mesh(window: "MainWindow") -> None:
    """What a start had in use for a while is a part of what the process takes: imports, a model as it was read."""
    from PyQt6.QtCore import Qt, QTimer

    once = Qt.ConnectionType.SingleShotConnection
    window.session.meshes_ready.connect(lambda _: QTimer.singleShot(0, give_back_memory), once)  # type: ignore[call-arg]


def _show_unexpected_errors(window: "MainWindow") -> None:
    """An exception in a Qt slot would end the process; show it instead."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        _log.critical("an unexpected error", exc_info=error)
        print(text, file=sys.stderr)
        try:
            window.show_error(error, text)
        except Exception:
            traceback.print_exc()

    sys.excepthook = show


def _close_on_interrupt(window: "MainWindow") -> Callable[[], bool]:
    """Let Ctrl-C close the window like its button does; returns whether that happened.

    Python runs signal handlers between its own instructions, and Qt's event loop executes none while it waits. A byte
    written to a socket by the signal wakes the loop up.
    """
    from PyQt6.QtCore import QSocketNotifier
    from PyQt6.sip import voidptr

    happened = False
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    notifier = QSocketNotifier(voidptr(receiver.fileno()), QSocketNotifier.Type.Read, window)

    def on_signal() -> None:
        receiver.recv(64)
        if happened:
            window.close_unasked()

    def on_interrupt(number: int, frame: object) -> None:
        nonlocal happened
        happened = True  # no more here: this may be in the middle of drawing

    notifier.activated.connect(on_signal)
    signal.signal(signal.SIGINT, on_interrupt)

    def finish() -> bool:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sender.close()
        receiver.close()
        return happened

    return finish


def _wayland_answers() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY")
    if not name:
        return False
    return (Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / name).exists()


def _x11_answers() -> bool:
    if not os.environ.get("DISPLAY"):
        return False
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return True  # cannot ask; Qt brings its own way to connect
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(None)
    if display:
        x11.XCloseDisplay(display)
    return bool(display)
