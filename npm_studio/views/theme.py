"""Colours of the dark and the light theme: palette, style sheet and icons."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PyQt6.QtCore import QByteArray, QDir, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PyQt6.QtSvg import QSvgRenderer
from PyQt6.QtWidgets import QApplication, QWidget

RESOURCES = Path(__file__).resolve().parents[1] / "resources"


@dataclass(frozen=True)
class Theme:
    """Colour of every role, as ``#rrggbb``."""

    name: str
    window: str
    """Behind panels."""
    panel: str
    field: str
    """Lists, text fields, grooves."""
    border: str
    text: str
    muted: str
    """Secondary text."""
    accent: str
    primary: str
    """The ground of a main button."""
    accent_text: str
    """On the accent and on main buttons."""
    good: str
    warn: str
    bad: str
    view_top: str
    view_bottom: str
    floor: str
    mesh: str
    """The mesh."""
    edges: str
    """Of the mesh's triangles."""


DARK = Theme(
    name="dark",
    window="#1d1f24",
    panel="#25272d",
    field="#191b1f",
    border="#363942",
    text="#e7e8ec",
    muted="#9a9eaa",
    accent="#5b8cff",
    primary="#3d6de0",
    accent_text="#ffffff",
    good="#4fb286",
    warn="#e0a346",
    bad="#e5695e",
    view_top="#41454f",
    view_bottom="#1e2025",
    floor="#aab0be",
    mesh="#d3cabf",
    edges="#2b3140",
)
LIGHT = Theme(
    name="light",
    window="#eceef1",
    panel="#f8f9fa",
    field="#ffffff",
    border="#d3d7de",
    text="#23262d",
    muted="#646a76",
    accent="#2f66e0",
    primary="#2f66e0",
    accent_text="#ffffff",
    good="#2c8a60",
    warn="#b57410",
    bad="#c0392f",
    view_top="#fbfcfd",
    view_bottom="#ccd2da",
    floor="#5b6270",
    mesh="#cfc4b8",
    edges="#3a4150",
)


def theme_of(widget: QWidget) -> Theme:
    """The theme that ``widget`` is shown in, for what paints itself."""
    window = widget.palette().color(QPalette.ColorRole.Window).name()
    return LIGHT if window == LIGHT.panel else DARK


def theme_named(name: str) -> Theme:
    """The dark or the light theme; for ``system`` that which the desktop has, dark where it does not say."""
    if name == "system":
        hints = QGuiApplication.styleHints()
        name = "light" if hints is not None and hints.colorScheme() == Qt.ColorScheme.Light else "dark"
    return LIGHT if name == "light" else DARK


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Give every window of ``app`` the colours of ``theme``."""
    QDir.setSearchPaths("icons", [str(RESOURCES)])
    style_sheet = _style_sheet(theme)
    if app.styleSheet() == style_sheet:
        return  # another window has been here before: all widgets would be polished again
    app.setStyle("Fusion")
    app.setPalette(_palette(theme))
    app.setStyleSheet(style_sheet)


def _palette(theme: Theme) -> QPalette:
    roles = {
        QPalette.ColorRole.Window: theme.panel,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.field,
        QPalette.ColorRole.AlternateBase: theme.panel,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.Button: theme.panel,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.BrightText: theme.accent_text,
        QPalette.ColorRole.Highlight: theme.accent,
        QPalette.ColorRole.HighlightedText: theme.accent_text,
        QPalette.ColorRole.ToolTipBase: theme.field,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.muted,
        QPalette.ColorRole.Link: theme.accent,
        QPalette.ColorRole.Mid: theme.border,
        QPalette.ColorRole.Midlight: theme.border,
        QPalette.ColorRole.Light: theme.border,
        QPalette.ColorRole.Dark: theme.window,
        QPalette.ColorRole.Shadow: theme.window,
    }
    palette = QPalette()
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    faded = QColor(faded_text(theme))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faded)
    palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Highlight, QColor(theme.border))
    return palette


def faded_text(theme: Theme) -> str:
    """Of what cannot be used now: seen to be so, and still to be read."""
    return mixed(theme.panel, theme.muted, 0.7)


def mixed(colour: str, other: str, share: float) -> str:
    """``colour`` with ``share`` (0 to 1) of ``other``."""
    a, b = QColor(colour), QColor(other)
    parts = [round(x + (y - x) * share) for x, y in zip(a.getRgb()[:3], b.getRgb()[:3], strict=True)]  # type: ignore[operator]
    return QColor(*parts).name()


def _style_sheet(theme: Theme) -> str:
    hover = mixed(theme.panel, theme.text, 0.08)
    pressed = mixed(theme.panel, theme.text, 0.14)
    chosen = mixed(theme.panel, theme.accent, 0.28)
    faded = faded_text(theme)
    return f"""
QMainWindow, QDialog {{ background: {theme.panel}; }}
QToolTip {{ background: {theme.field}; color: {theme.text}; border: 1px solid {theme.border}; padding: 4px 6px; }}
QMenuBar {{ background: {theme.panel}; padding: 2px 6px; border-bottom: 1px solid {theme.border}; }}
QMenuBar::item {{ padding: 4px 9px; border-radius: 5px; background: transparent; }}
QMenuBar::item:selected {{ background: {hover}; }}
QMenu {{ background: {theme.panel}; border: 1px solid {theme.border}; padding: 5px; }}
QMenu::item {{ padding: 5px 28px 5px 26px; border-radius: 5px; }}
QMenu::item:selected {{ background: {chosen}; }}
QMenu::item:disabled {{ color: {faded}; }}
QMenu::separator {{ height: 1px; background: {theme.border}; margin: 5px 8px; }}
QMenu::indicator {{ width: 13px; height: 13px; left: 7px; }}
QStatusBar {{ background: {theme.panel}; border-top: 1px solid {theme.border}; color: {theme.muted}; }}
QStatusBar::item {{ border: none; }}
#views {{ background: {theme.border}; }}
QSplitter::handle {{ background: {theme.border}; }}
#bar {{ background: {theme.panel}; border-bottom: 1px solid {theme.border}; }}
#side, #side QScrollArea, #side QScrollArea > QWidget > QWidget {{ background: {theme.panel}; border: none; }}
#timeline {{ background: {theme.panel}; border-top: 1px solid {theme.border}; }}
#card {{ background: {theme.field}; border: 1px solid {theme.border}; border-radius: 7px; }}
#card[chosen="true"] {{ border: 1px solid {theme.accent}; background: {mixed(theme.field, theme.accent, 0.10)}; }}
#muted {{ color: {theme.muted}; }}
#stale {{ color: {theme.warn}; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QPushButton {{ background: {mixed(theme.panel, theme.text, 0.05)}; border: 1px solid {theme.border};
    border-radius: 6px; padding: 5px 12px; min-height: 18px; }}
QPushButton:hover {{ background: {hover}; }}
QPushButton:pressed {{ background: {pressed}; }}
QPushButton:focus {{ border-color: {theme.accent}; }}
QPushButton:disabled {{ color: {faded}; background: {theme.panel}; }}
QPushButton#small {{ padding: 2px 9px; min-height: 16px; border-radius: 5px; }}
QStatusBar QPushButton#quiet {{ background: transparent; border-color: transparent; padding: 1px 9px; min-height: 14px;
    color: {theme.muted}; }}
QStatusBar QPushButton#quiet:hover {{ background: {hover}; color: {theme.text}; }}
QStatusBar QPushButton#quiet:focus {{ border-color: {theme.accent}; }}
#sheet {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 9px; }}
#sheet QScrollArea, #sheet QScrollArea > QWidget > QWidget {{ background: {theme.panel}; border: none; }}
QPushButton#choice {{ background: {theme.field}; border-radius: 9px; text-align: left; }}
QPushButton#choice:hover {{ background: {mixed(theme.field, theme.text, 0.07)}; }}
QPushButton#choice:focus {{ border: 2px solid {theme.accent}; }}
QPushButton#row {{ text-align: left; padding: 5px 8px; background: {theme.field}; }}
QPushButton#row:hover {{ background: {hover}; }}
QPushButton#row[faint="true"] {{ color: {theme.muted}; border-style: dashed; }}
#popup {{ background: {theme.panel}; border: 1px solid {theme.border}; }}
QPushButton#primary {{ background: {theme.primary}; color: {theme.accent_text}; border-color: {theme.primary};
    font-weight: 600; }}
QPushButton#primary:focus {{ border: 2px solid {theme.text}; padding: 4px 11px; outline: none; }}
QPushButton#primary:hover {{ background: {mixed(theme.primary, "#000000", 0.12)}; }}
QPushButton#primary:pressed {{ background: {mixed(theme.primary, "#000000", 0.24)}; }}
QPushButton#primary:disabled {{ background: {mixed(theme.panel, theme.text, 0.05)}; border-color: {theme.border};
    color: {faded}; }}
QToolButton {{ background: transparent; border: none; border-radius: 6px; padding: 4px; }}
QToolButton:hover {{ background: {hover}; }}
QToolButton:pressed {{ background: {pressed}; }}
QToolButton:checked {{ background: {chosen}; }}
QToolButton:focus {{ background: {hover}; border: 2px solid {theme.accent}; padding: 2px; }}
QToolButton:checked:disabled, QToolButton#quiet:checked {{ background: transparent; }}
QToolButton#segment {{ background: {theme.field}; border: 1px solid {theme.border}; border-radius: 0;
    margin-left: -1px; padding: 5px 14px; color: {theme.muted}; }}
QToolButton#segment[place="first"] {{ border-top-left-radius: 7px; border-bottom-left-radius: 7px; margin-left: 0; }}
QToolButton#segment[place="last"] {{ border-top-right-radius: 7px; border-bottom-right-radius: 7px; }}
QToolButton#segment:hover {{ color: {theme.text}; }}
QToolButton#segment:focus {{ border: 2px solid {theme.accent}; padding: 4px 13px; color: {theme.text}; }}
QToolButton#segment:checked {{ background: {chosen}; color: {theme.text}; font-weight: 600; }}
QToolButton#segment:disabled {{ background: {theme.field}; color: {faded}; }}
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox {{ background: {theme.field}; border: 1px solid {theme.border};
    border-radius: 6px; padding: 4px 7px; min-height: 18px; selection-background-color: {theme.accent}; }}
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {{ border-color: {theme.accent}; }}
QLineEdit#value {{ background: transparent; border: 1px solid transparent; padding: 0 3px; min-height: 16px;
    color: {theme.muted}; }}
QLineEdit#value:hover {{ border-color: {theme.border}; }}
QLineEdit#value:focus {{ border-color: {theme.accent}; background: {theme.field}; color: {theme.text}; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ subcontrol-origin: border; border: none; width: 18px; }}
QAbstractSpinBox::up-button {{ subcontrol-position: top right; }}
QAbstractSpinBox::down-button {{ subcontrol-position: bottom right; }}
QAbstractSpinBox::up-arrow {{ image: url(icons:chevron-up.svg); width: 9px; height: 9px; }}
QAbstractSpinBox::down-arrow {{ image: url(icons:chevron-down.svg); width: 9px; height: 9px; }}
QComboBox {{ combobox-popup: 0; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url(icons:chevron-down.svg); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{ background: {theme.field}; border: 1px solid {theme.border}; padding: 3px;
    selection-background-color: {chosen}; selection-color: {theme.text}; outline: none; }}
QAbstractItemView {{ background: {theme.field}; border: 1px solid {theme.border}; border-radius: 7px; outline: none;
    padding: 3px; }}
QAbstractItemView:focus {{ border-color: {theme.accent}; }}
QAbstractItemView::item {{ padding: 3px 5px; border-radius: 4px; }}
QAbstractItemView::item:hover {{ background: {mixed(theme.field, theme.text, 0.07)}; }}
QAbstractItemView::item:selected {{ background: {mixed(theme.field, theme.accent, 0.35)}; color: {theme.text}; }}
#cards::item:selected {{ background: {mixed(theme.field, theme.accent, 0.10)}; border: 1px solid {theme.accent}; }}
QAbstractSpinBox::up-arrow:disabled, QAbstractSpinBox::down-arrow:disabled, QComboBox::down-arrow:disabled {{
    image: none; }}
QTreeView {{ show-decoration-selected: 1; }}
QTreeView::item {{ border-radius: 0; }}
QTreeView::branch {{ background: transparent; }}
QTreeView::branch:selected {{ background: {mixed(theme.field, theme.accent, 0.35)}; }}
QTreeView::branch:has-children:closed {{ image: url(icons:chevron-right.svg); }}
QTreeView::branch:has-children:open {{ image: url(icons:chevron-down.svg); }}
QHeaderView {{ border: none; border-radius: 0; padding: 0; background: transparent; }}
QHeaderView::section {{ background: transparent; border: none; border-bottom: 1px solid {theme.border};
    padding: 4px 6px; color: {theme.muted}; }}
QProgressBar {{ background: {theme.field}; border: 1px solid {theme.border}; border-radius: 5px; height: 8px;
    text-align: center; }}
QProgressBar::chunk {{ background: {theme.accent}; border-radius: 4px; }}
QCheckBox {{ spacing: 8px; border: 1px solid transparent; border-radius: 4px; padding: 1px; }}
QCheckBox:focus {{ border-color: {theme.accent}; }}
QCheckBox::indicator {{ width: 12px; height: 12px; border: 1px solid {theme.muted}; border-radius: 3px;
    background: {theme.field}; }}
QCheckBox::indicator:checked {{ background: {theme.accent}; border-color: {theme.accent};
    image: url(icons:check.svg); }}
QCheckBox::indicator:disabled {{ border-color: {theme.border}; background: {theme.panel}; }}
QCheckBox::indicator:checked:disabled {{ background: {mixed(theme.panel, theme.muted, 0.45)}; }}
QRadioButton {{ spacing: 8px; border: 1px solid transparent; border-radius: 4px; padding: 1px; }}
QRadioButton:focus {{ border-color: {theme.accent}; }}
QRadioButton::indicator {{ width: 12px; height: 12px; border: 1px solid {theme.muted}; border-radius: 7px;
    background: {theme.field}; }}
QRadioButton::indicator:checked {{ width: 4px; height: 4px; border: 5px solid {theme.accent};
    background: {theme.accent_text}; }}
QRadioButton::indicator:disabled {{ border-color: {theme.border}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {mixed(theme.panel, theme.muted, 0.45)}; border-radius: 4px; margin: 1px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover {{ background: {mixed(theme.panel, theme.muted, 0.7)}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ background: none;
    border: none; width: 0; height: 0; }}
QPlainTextEdit {{ background: {theme.field}; border: 1px solid {theme.border}; border-radius: 7px; }}
"""


def choose_font(app: QApplication) -> None:
    """Keep the desktop's font; where there is no desktop that chose one, take a usual sans serif that is installed."""
    font = app.font()
    family = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()
    if family.lower() in ("", "sans", "sans serif", "helvetica", "dejavu sans"):
        installed = set(QFontDatabase.families())
        usual = ("Inter", "Noto Sans", "Cantarell", "Ubuntu", "Open Sans", "Liberation Sans", "DejaVu Sans")
        family = next((name for name in usual if name in installed), family)
        font.setFamily(family)
    if font.pointSizeF() < 9.5:
        font.setPointSizeF(9.5)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    app.setFont(font)


def icon(name: str, theme: Theme, colour: str | None = None) -> QIcon:
    """An icon of the resources, drawn in the theme's text colour or in ``colour``."""
    result = QIcon()
    states = {QIcon.Mode.Normal: colour or theme.text, QIcon.Mode.Disabled: mixed(theme.panel, theme.muted, 0.5)}
    if colour is not None:
        states[QIcon.Mode.Selected] = colour  # which means something: not tinted
    for mode, tint in states.items():
        for size in (16, 20, 24, 32, 48):
            result.addPixmap(pixmap(name, tint, size), mode)
    return result


@cache
def pixmap(name: str, colour: str, size: int) -> QPixmap:
    """An icon of the resources as a picture of ``size`` x ``size`` pixels."""
    image = QPixmap(QSize(size, size))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(_tinted(name, colour))).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return image


def _tinted(name: str, colour: str) -> bytes:
    source = (RESOURCES / f"{name}.svg").read_text(encoding="utf-8")
    return source.replace("currentColor", colour).encode()
