"""A small photo studio: light grey backdrop, three lights, a floor that takes a soft shadow."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.geometry.mesh import Mesh
from npm_studio.reports.pictures.colours import CLAY
from npm_studio.reports.pictures.offscreen import require_offscreen_graphics

_BACKDROP = ("#dcdfe4", "#f8f9fa")
_SUPERSAMPLING = 2
_FIELD_OF_VIEW = 24.0
_MARGIN = 1.1
_POINT_LIFT = 0.003
# position relative to the camera (right, up, towards it), colour, intensity: key, fill, two rims
_LIGHTS = (
    ((-1.0, 1.3, 1.6), "#fff4e8", 0.80),
    ((1.6, 0.2, 1.2), "#e8efff", 0.42),
    ((1.4, 1.2, -1.6), "#ffffff", 0.55),
    ((-1.6, 0.6, -1.2), "#ffffff", 0.35),
)


@dataclass(frozen=True)
class ViewDirection:
    """Where the camera stands: degrees around the vertical axis (0 looks at the face) and above the horizon."""

    azimuth: float = 24.0
    elevation: float = 10.0

    def axes(self) -> NDArray[np.float64]:
        """Rows (3, 3): right, up and towards the camera."""
        a, e = np.radians((self.azimuth, self.elevation))
        towards = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        right = np.array([np.cos(a), 0.0, -np.sin(a)])
        return np.stack([right, np.cross(towards, right), towards])


THREE_QUARTER = ViewDirection()


@dataclass(frozen=True, eq=False)
class Scene:
    """What stands in the studio; canonical units, Y up."""

    meshes: Sequence[Mesh] = ()
    colours: Sequence[str | NDArray[np.uint8]] = ()
    """One colour, or colours (V, 3) of the vertices, per mesh; clay when absent."""
    points: NDArray[np.float32] | None = None
    """Observed points (P, 3)."""
    point_colours: NDArray[np.uint8] | None = None
    """(P, 3)"""
    point_size: float = 2.0
    """Pixels in a picture 600 pixels high."""

    def extent(self) -> NDArray[np.float32]:
        """Everything that the picture must show, (N, 3)."""
        parts = [mesh.vertices for mesh in self.meshes]
        if self.points is not None:
            parts.append(self.points)
        assert parts, "an empty scene"
        return np.concatenate(parts)


class OffscreenRenderer:
    """An off-screen renderer; use it as a context manager, for as many pictures as needed.

    Raises:
        InputError: this machine cannot draw.
    """

    def __init__(self, width: int = 900, height: int = 900) -> None:
        require_offscreen_graphics()
        import pyvista

        self.width, self.height = width, height
        size = (width * _SUPERSAMPLING, height * _SUPERSAMPLING)
        self._plotter: Any = pyvista.Plotter(off_screen=True, window_size=size, lighting="none")
        self._plotter.render_window.SetMultiSamples(0)  # the larger picture is the better remedy for jagged edges
        self._plotter.set_background(_BACKDROP[0], top=_BACKDROP[1])
        for position, colour, intensity in _LIGHTS:
            light = pyvista.Light(position=position, color=colour, intensity=intensity, light_type="camera light")
            self._plotter.add_light(light)

    def __enter__(self) -> "OffscreenRenderer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._plotter.close()

    def picture(
        self,
        scene: Scene,
        view: ViewDirection = THREE_QUARTER,
        extent: NDArray[np.float32] | None = None,
        transparent: bool = False,
    ) -> NDArray[np.uint8]:
        """A picture (H, W, 3) of ``scene``, or (H, W, 4) with a fourth channel for how opaque it is.

        Args:
            extent: points (N, 3) that the frame is fitted to; the scene's own when absent. Give the same to all
                pictures that are to be compared or played in a row.
            transparent: without backdrop, floor and shadow
        """
        extent = scene.extent() if extent is None else extent
        self._plotter.clear_actors()
        self._plotter.renderer.SetGradientBackground(not transparent)
        if not transparent:
            self._add_floor(scene, extent)
        for index, mesh in enumerate(scene.meshes):
            self._add_mesh(mesh, scene.colours[index] if scene.colours else CLAY)
        if scene.points is not None and scene.point_colours is not None and len(scene.points):
            # a little towards the viewer, or half of them would vanish behind a surface that passes through them
            lifted = scene.points + _POINT_LIFT * view.axes()[2].astype(np.float32)
            self._add_points(lifted, scene.point_colours, scene.point_size)
        self._aim(view, extent)
        self._plotter.render()  # does nothing before the first picture, which `screenshot` draws by itself
        shot = self._plotter.screenshot(None, transparent_background=transparent, return_img=True)
        large = Image.fromarray(np.asarray(shot))
        return np.asarray(large.reduce(_SUPERSAMPLING))

    def _add_mesh(self, mesh: Mesh, colour: "str | NDArray[np.uint8]") -> None:
        import pyvista

        surface = pyvista.PolyData.from_regular_faces(mesh.vertices, mesh.faces)
        paint = {"color": colour} if isinstance(colour, str) else {"scalars": colour, "rgb": True}
        material = {"ambient": 0.24, "diffuse": 0.86, "specular": 0.12, "specular_power": 18}
        self._plotter.add_mesh(surface, smooth_shading=True, render=False, **paint, **material)

    def _add_points(self, points: NDArray[np.float32], colours: NDArray[np.uint8], size: float) -> None:
        import pyvista

        self._plotter.add_mesh(
            pyvista.PolyData(points),
            scalars=colours,
            rgb=True,
            style="points",
            render_points_as_spheres=True,
            point_size=size * _SUPERSAMPLING * self.height / 600,
            lighting=False,
            render=False,
        )

    def _add_floor(self, scene: Scene, extent: NDArray[np.float32]) -> None:
        import pyvista

        floor = float(extent[:, 1].min()) - 0.002
        low, high = extent.min(axis=0)[[0, 2]] - 0.25, extent.max(axis=0)[[0, 2]] + 0.25
        shadow = _shadow(scene.meshes, floor, low, high)
        x, z = np.where([[0, 1], [1, 1], [1, 0], [0, 0]], high, low).T
        corners = np.column_stack((x, np.full(4, floor), z)).astype(np.float32)
        plane = pyvista.PolyData.from_regular_faces(np.array(corners, np.float32), [[0, 1, 2, 3]])
        plane.active_texture_coordinates = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        texture = pyvista.Texture(shadow)
        texture.interpolate = True
        self._plotter.add_mesh(plane, texture=texture, lighting=False, render=False)

    def _aim(self, view: ViewDirection, extent: NDArray[np.float32]) -> None:
        _, up, towards = view.axes()
        local = extent @ view.axes().T
        centre = (local.min(axis=0) + local.max(axis=0)) / 2
        x, y, z = (local - centre).T
        slope = np.tan(np.radians(_FIELD_OF_VIEW / 2)) / _MARGIN
        distance = float(max((np.abs(y) / slope + z).max(), (np.abs(x) / (slope * self.width / self.height) + z).max()))
        focus = centre @ view.axes()
        camera = self._plotter.camera
        camera.focal_point, camera.position, camera.up = focus, focus + distance * towards, up
        camera.view_angle = _FIELD_OF_VIEW
        self._plotter.renderer.ResetCameraClippingRange()


def render_meshes(
    meshes: Sequence[Mesh], size: tuple[int, int] = (900, 900), view: ViewDirection = THREE_QUARTER
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of ``meshes`` where they are; ``size`` is width and height in pixels."""
    with OffscreenRenderer(*size) as renderer:
        return renderer.picture(Scene(meshes), view)


def line_up(meshes: Sequence[Mesh], gap: float = 0.05, turn: float = 0.0) -> list[Mesh]:
    """``meshes`` standing on the floor y = 0 next to each other along x.

    Args:
        gap: between bounding boxes, canonical units
        turn: of each mesh around its own vertical axis, degrees
    """
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    placed, edge = [], 0.0
    for mesh in meshes:
        vertices = mesh.vertices @ rotation.T
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        shift = np.array([edge - low[0], -low[1], -(low[2] + high[2]) / 2])
        placed.append(Mesh((vertices + shift).astype(np.float32), mesh.faces))
        edge += float(high[0] - low[0]) + gap
    return placed


def _shadow(
    meshes: Sequence[Mesh], floor: float, low: NDArray[np.float32], high: NDArray[np.float32], cells: int = 256
) -> NDArray[np.uint8]:
    """Ambient shadow (cells, cells, 4) of ``meshes`` on the floor between the corners ``low`` and ``high`` (x, z).

    Every triangle darkens the floor under it, the more and the sharper the closer it is.
    """
    from scipy.ndimage import gaussian_filter

    darkness = np.zeros((cells, cells))
    size = (high - low) / cells
    for mesh in meshes:
        corners = mesh.vertices[mesh.faces]
        centres = corners.mean(axis=1)
        area = 0.5 * np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 1])
        height = np.maximum(centres[:, 1] - floor, 0)
        for reach, blur, strength in ((0.03, 0.012, 0.9), (0.35, 0.05, 0.65)):
            weights = area * np.exp(-height / reach) * strength / (2 * size[0] * size[1])
            bins = [(low[1], high[1]), (low[0], high[0])]
            layer, _, _ = np.histogram2d(centres[:, 2], centres[:, 0], cells, bins, weights=weights)
            darkness += gaussian_filter(layer, (blur / size[1], blur / size[0]))
    alpha = 1 - np.exp(-darkness)
    picture = np.zeros((cells, cells, 4), np.uint8)
    picture[..., :3] = (34, 30, 32)
    picture[..., 3] = np.rint(255 * alpha)
    return picture
