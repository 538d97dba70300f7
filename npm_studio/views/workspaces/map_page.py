"""The page of Explore with the map of the training codes."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from npm_studio.session.document.explorer import Explorer, Space
from npm_studio.session.document.state import Exploration
from npm_studio.views.portraits import Portraits
from npm_studio.views.widgets.basics import Segments, note
from npm_studio.views.widgets.latent_map import LatentMap

SPACES: tuple[Space, ...] = ("shape", "pose")


class MapPage(QWidget):
    """Training shapes or poses along the two directions in which they differ most."""

    space_chosen = pyqtSignal(int)
    """A place in `SPACES`."""

    def __init__(self, portraits: Portraits) -> None:
        super().__init__()
        self._portraits = portraits
        self._explorer: Explorer | None = None
        self._space: Space | None = None
        self.spaces, self.map = Segments(("Shapes", "Poses")), LatentMap()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self.spaces)
        column.addWidget(self.map, 100)
        column.addWidget(
            note(
                "Each point is a training code, the ring is the body on show. Drag over the map to move it along both "
                "directions; all others stay as they are. Double-click a point to take its whole code."
            )
        )
        column.addStretch(1)
        self.spaces.chosen.connect(self.space_chosen)
        portraits.names_changed.connect(self._show_points)

    def show_space(self, explorer: Explorer | None, space: Space) -> None:
        """The training codes of ``space``."""
        has_pose = explorer is not None and explorer.directions("pose") > 1
        self.spaces.button(1).setEnabled(has_pose)
        space = space if has_pose else "shape"
        self.spaces.choose(SPACES.index(space))
        if explorer is not self._explorer or space != self._space:
            self._explorer, self._space = explorer, space
            self._show_points()

    def show_body(self, now: Exploration) -> None:
        """Move the ring to where the codes of ``now`` are."""
        if self._explorer is not None and self._space is not None and self._explorer.directions(self._space) > 1:
            x, y = self._explorer.coefficients(now, self._space)[:2].tolist()
            self.map.show_current(x, y)

    def _show_points(self) -> None:
        explorer, space = self._explorer, self._space
        self.map.setEnabled(explorer is not None and space is not None and explorer.directions(space) > 1)
        if explorer is None or space is None or explorer.directions(space) < 2:
            return
        across, up = (self._axis(explorer, space, direction) for direction in (0, 1))
        points = explorer.training_coefficients(space)[:, :2].numpy()
        self.map.show_points(points, lambda number: explorer.title_of(space, number), (across, up))

    def _axis(self, explorer: Explorer, space: Space, direction: int) -> str:
        share = float(explorer.share_of_variance(space)[direction])
        name = self._portraits.name(space, direction)
        title = f"{space.capitalize()} {direction + 1}" if name is None else name.title
        return f"{title} · {share:.0%} of variance"
