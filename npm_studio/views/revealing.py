"""Where a result is, shown by the programs of the desktop."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QUrl
from PyQt6.QtGui import QDesktopServices, QGuiApplication


def open_with_desktop(path: Path, say: Callable[[str], object]) -> None:
    """Open a file, or a folder in the file manager; where nothing does that, its path is in the clipboard."""
    if QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        return
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(str(path))
    what = "file manager" if path.is_dir() else "program for it"
    say(f"No {what} opened. The path is in the clipboard: {path}")


def open_address(address: QUrl, say: Callable[[str], object]) -> None:
    """Open a page or a file; where nothing does that, its address is in the clipboard."""
    if QDesktopServices.openUrl(address):
        return
    text = address.toString(QUrl.UrlFormattingOption.PreferLocalFile)
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
    say(f"No program for it opened. Its address is in the clipboard: {text}")
