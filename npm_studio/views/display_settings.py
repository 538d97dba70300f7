"""How figures are drawn: what the Display menu switches, remembered between sessions."""

from dataclasses import asdict, dataclass, fields

from PyQt6.QtCore import QSettings


@dataclass(frozen=True)
class Look:
    """Every switch of the Display menu."""

    wireframe: bool = False
    """Edges of the triangles over the surface."""
    points: bool = False
    """Vertices in place of the surface."""
    correspondence: bool = False
    """The canonical position of a vertex as its colour."""
    field_slice: bool = False
    """The canonical figure, cut open, with the signed distance on the cut."""
    inset: bool = False
    """The canonical figure small beside the posed one."""
    floor: bool = True
    frame_rate: bool = False


def load_look(settings: QSettings) -> Look:
    """The look of the last session."""
    defaults = asdict(Look())
    return Look(**{name: settings.value(f"look/{name}", value, bool) for name, value in defaults.items()})


def save_look(settings: QSettings, look: Look) -> None:
    for field in fields(look):
        settings.setValue(f"look/{field.name}", getattr(look, field.name))
