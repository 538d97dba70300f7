"""What a comparison says of its errors."""

from npm_studio.session.document.compared_sides import OpenedSide
from npm_studio.session.document.lineup import Lineup
from npm_studio.session.document.side_errors import ErrorKind, SideErrors
from npm_studio.views.widgets.error_table import TableRow

_DISTANCES = {
    ErrorKind.CORRESPONDENCE: "from each vertex to the same vertex",
    ErrorKind.SURFACE: "both ways between the whole surfaces",
    ErrorKind.SEEN: "from what was seen to the mesh",
}


def row_of(side: OpenedSide, lineup: Lineup, errors: SideErrors | None) -> TableRow:
    """Figures of ``side``, or why it has none."""
    if side is lineup.reference:
        return TableRow(side.title, instead="measured against")
    if errors is None or side not in errors.compared:
        return TableRow(side.title, instead="not measured: what was seen")
    return TableRow(
        side.title, errors.of_sequence(side), distance=_DISTANCES[errors.kind], is_complete=errors.is_complete
    )


def what_is_measured(lineup: Lineup | None, errors: SideErrors | None) -> str:
    """What is measured, in a sentence or two."""
    if lineup is None or errors is None:
        return ""
    words = {
        ErrorKind.CORRESPONDENCE: "Correspondence error: from each vertex to the same vertex.",
        ErrorKind.SURFACE: "Surface distance: from each vertex to the nearest point, as not all sides have the same "
        "triangles. Means count both directions.",
        ErrorKind.SEEN: "From each point of the subject that the camera saw to the nearest point of the mesh.",
    }
    left_out = max(lineup.left_out.values(), default=0)
    lines = [words[errors.kind], *(side.note for side in lineup.sides if side.note)]
    if left_out:
        lines.append(f"{left_out} frames that not all sides have are left out.")
    return " ".join(lines)
