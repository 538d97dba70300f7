"""How meshes are drawn: what the Display menu switches, remembered between sessions."""

from dataclasses import asdict, dataclass, fields

from PyQt6.QtCore import QSettings


@dataclass(frozen=True)
class DisplaySettings:
    """Every switch of the Display menu."""

    wireframe: bool = False
    """Edges of the triangles over the surface."""
    points: bool = False
    """Vertices in place of the surface."""
    correspondence: bool = False
    """The canonical position of a vertex as its colour."""
    field_slice: bool = False
    """The canonical mesh, cut open, with the signed distance on the cut."""
    inset: bool = False
    """The canonical mesh small beside the posed one."""
    floor: bool = True
    frame_rate: bool = False


def load_display_settings(settings: QSettings) -> DisplaySettings:
    """Those of the last session."""
    defaults = asdict(DisplaySettings())
    return DisplaySettings(**{name: settings.value(f"look/{name}", value, bool) for name, value in defaults.items()})


def save_display_settings(settings: QSettings, display: DisplaySettings) -> None:
    for field in fields(display):
        settings.setValue(f"look/{field.name}", getattr(display, field.name))
