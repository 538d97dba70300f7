"""What stands in a 3-D view: meshes, points and the ground. All in world metres, Y up.

Every item makes its actor once and from then on changes the arrays behind it, which neither flickers nor loses the
actor's properties.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from npm_studio.reports.pictures.colours import colour_errors
from npm_studio.views.shading import hide_far_side, light_like_a_studio
from npm_studio.views.theme import Theme

DISTANCE_COLOURS = "distance"
"""As reports have them."""
DEPTH_COLOURS = "cividis"


@cache
def colour_table(name: str) -> pv.LookupTable:
    """`DISTANCE_COLOURS`, or one of matplotlib's perceptually uniform colour maps."""
    if name != DISTANCE_COLOURS:
        return pv.LookupTable(name, n_values=256)
    colours = colour_errors(np.linspace(0, 1, 256), 1.0)
    return pv.LookupTable(values=np.hstack([colours, np.full((256, 1), 255, np.uint8)]))


def colours_of(name: str) -> Sequence[Sequence[int]]:
    """The (256, 3) colours of a map, 0 to 255."""
    values: NDArray[np.uint8] = np.asarray(colour_table(name).values)
    return [[int(part) for part in row[:3]] for row in values]


class MeshItem:
    """A smooth mesh in one colour, or coloured by a value or a colour per vertex."""

    def __init__(self, renderer: Any, colour: str) -> None:
        """Add the actor to ``renderer``, a `vtkRenderer`."""
        self.data = pv.PolyData(np.zeros((3, 3), np.float32), faces=[3, 0, 1, 2])
        self._faces: NDArray[np.int32] | None = None
        self._vertices = self._normals = np.zeros((0, 3), np.float32)
        self._colours: NDArray[np.uint8] | None = None
        mapper = pv.DataSetMapper(self.data)
        mapper.SetInputDataObject(self.data)
        mapper.scalar_visibility = False
        look = pv.Property(color=colour, interpolation="Phong", edge_opacity=0.4, line_width=1.0, point_size=2.2)
        self.actor = pv.Actor(mapper, look)
        self.actor.visibility = False
        light_like_a_studio(self.actor)
        self._renderer = renderer
        renderer.AddActor(self.actor)
        self.set_opacity(1.0)

    @property
    def vertices(self) -> NDArray[np.float32]:
        """(V, 3) as shown, without `stand_on`."""
        return self._vertices

    @property
    def faces(self) -> NDArray[np.int32] | None:
        """(T, 3) as shown; None before the first mesh."""
        return self._faces

    @property
    def is_visible(self) -> bool:
        return bool(self.actor.visibility)

    @property
    def bounds(self) -> NDArray[np.float64]:
        """(2, 3) lowest and highest corner as shown, metres."""
        return np.asarray(self.actor.GetBounds()).reshape(3, 2).T

    def show(self, vertices: NDArray[np.float32], normals: NDArray[np.float32], faces: NDArray[np.int32]) -> None:
        """Show a mesh; with the same ``faces`` array as before only the vertices move.

        Args:
            vertices: (V, 3) metres
            normals: (V, 3) unit length
            faces: (T, 3)
        """
        self.actor.visibility = len(faces) > 0
        if len(faces) == 0:
            return
        if faces is self._faces and len(vertices) == len(self._vertices):
            self._vertices[:] = vertices
            self._normals[:] = normals
            self.data.GetPoints().Modified()
            self.data.GetPointData().GetNormals().Modified()
            self.data.Modified()
            return
        self._vertices = np.array(vertices, np.float32)
        self._normals = np.array(normals, np.float32)
        self._faces = faces
        data = pv.PolyData.from_regular_faces(self._vertices, np.asarray(faces, np.int64))
        data.point_data.active_normals = self._normals
        self.data.copy_from(data, deep=False)
        self._colours = None
        self.actor.mapper.scalar_visibility = False

    def set_style(self, edges: bool, points: bool, edge_colour: str) -> None:
        """With the edges of the triangles, or as the vertices alone."""
        look = self.actor.prop
        look.style = "points" if points else "surface"
        look.show_edges = edges and not points
        look.edge_color = edge_colour
        hide_far_side(self.actor, points)

    def paint(self, colours: NDArray[np.uint8] | None) -> None:
        """Give every vertex one of ``colours`` (V, 3), 0 to 255; None goes back to one colour."""
        mapper = self.actor.mapper
        if colours is None:
            self._colours = None
            mapper.scalar_visibility = False
        elif colours is not self._colours:
            self._colours = colours
            self.data.point_data["colour"] = colours
            self.data.point_data.active_scalars_name = "colour"
            mapper.interpolate_before_map = False
            mapper.SetScalarModeToUsePointData()
            mapper.SetColorModeToDirectScalars()
            mapper.scalar_visibility = True

    def cut(self, plane: Any) -> None:
        """Hide what is behind ``plane``, a `vtkPlane`; None shows all."""
        mapper = self.actor.mapper
        if mapper.GetClippingPlanes() is not None:
            mapper.RemoveAllClippingPlanes()
        if plane is not None:
            mapper.AddClippingPlane(plane)

    def hide(self) -> None:
        self.actor.visibility = False

    def set_visible(self, visible: bool) -> None:
        self.actor.visibility = visible and self._faces is not None

    def set_colour(self, colour: str) -> None:
        self.actor.prop.color = colour

    def set_opacity(self, opacity: float) -> None:
        self.actor.prop.opacity = opacity
        # blending that does not depend on the order takes passes over the whole picture; the ground does not need it
        self._renderer.SetUseOIT(opacity < 1.0)

    def colour_by(self, values: NDArray[np.float32] | None, upper: float = 1.0) -> None:
        """Colour by ``values`` (V,) from 0 to ``upper``; None goes back to one colour."""
        mapper = self.actor.mapper
        self._colours = None
        if values is None:
            mapper.scalar_visibility = False
            return
        mapper.interpolate_before_map = True
        mapper.SetColorModeToMapScalars()
        self.data.point_data["value"] = values
        self.data.point_data.active_scalars_name = "value"
        mapper.SetScalarModeToUsePointData()
        mapper.lookup_table = colour_table(DISTANCE_COLOURS)
        mapper.scalar_range = (0.0, upper)
        mapper.SetUseLookupTableScalarRange(False)
        mapper.scalar_visibility = True

    def stand_on(self, height: float | None) -> None:
        """Put the lowest vertex at ``height``; None leaves the mesh where its vertices are."""
        lift = 0.0 if height is None or not len(self._vertices) else height - float(self._vertices[:, 1].min())
        self.actor.position = (0.0, lift, 0.0)


class _Points:
    """Points that are drawn or hidden; ``look`` is what pyvista's ``add_mesh`` takes."""

    def __init__(self, plotter: Any, data: pv.PolyData, **look: Any) -> None:
        self.data = data
        self.actor = plotter.add_mesh(
            data, style="points", copy_mesh=False, render=False, reset_camera=False, show_scalar_bar=False, **look
        )
        self.actor.mapper.SetInputDataObject(data)
        self.actor.visibility = False

    @property
    def count(self) -> int:
        return int(self.data.n_points) if self.actor.visibility else 0

    @property
    def bounds(self) -> NDArray[np.float64]:
        """(2, 3) lowest and highest corner, metres."""
        return np.asarray(self.actor.GetBounds()).reshape(3, 2).T

    def hide(self) -> None:
        self.actor.visibility = False


class PointsItem(_Points):
    """Points coloured by a value."""

    def __init__(self, plotter: Any) -> None:
        data = pv.PolyData(np.zeros((1, 3), np.float32))
        data.point_data["value"] = np.zeros(1, np.float32)
        look = {"point_size": 4, "render_points_as_spheres": True, "ambient": 0.55, "diffuse": 0.55, "specular": 0.0}
        super().__init__(plotter, data, scalars="value", cmap=colour_table(DEPTH_COLOURS), **look)

    def show(
        self,
        points: NDArray[np.float32],
        values: NDArray[np.float32],
        value_range: tuple[float, float],
        colours: str = DEPTH_COLOURS,
    ) -> None:
        """Show ``points`` (P, 3), metres, with ``values`` (P,) in a map of ``colours`` over ``value_range``."""
        data = pv.PolyData(np.ascontiguousarray(points, np.float32))
        data.point_data["value"] = np.ascontiguousarray(values, np.float32)
        self.data.copy_from(data, deep=False)
        self.actor.mapper.lookup_table = colour_table(colours)
        self.actor.mapper.scalar_range = value_range
        self.actor.visibility = True

    def set_size(self, size: float) -> None:
        """Diameter in pixels."""
        self.actor.prop.point_size = size


class FaintPoints(_Points):
    """Small points of one colour, for what is around the subject."""

    def __init__(self, plotter: Any) -> None:
        data = pv.PolyData(np.zeros((1, 3), np.float32))
        super().__init__(plotter, data, color="#8a8f98", opacity=0.35, point_size=2, lighting=False)

    def show(self, points: NDArray[np.float32]) -> None:
        """Show ``points`` (P, 3), metres; none hides them."""
        if len(points):
            self.data.copy_from(pv.PolyData(np.ascontiguousarray(points, np.float32)), deep=False)
        self.actor.visibility = len(points) > 0


def round_below(value: float, parts: tuple[float, ...] = (1, 2, 5)) -> float:
    """The largest of 1, 2, 5, 10, 20, ... that is not above ``value``, and so on downwards; or of other ``parts``."""
    power = 10.0 ** np.floor(np.log10(value) + 1e-9)
    return float(max(part for part in parts if part * power <= value * (1 + 1e-9)) * power)


class Ground:
    """A grid that fades into the distance, and a soft shadow where the mesh stands.

    Its sizes are those for a human body; for anything else all of them are scaled together.
    """

    _CELL_M, _CELL = 0.25, 0.1
    """Metres for a body; in canonical units for anything."""
    _HALF_M, _PIXELS = 3.0, 768
    _SHADOW_HALF_M, _SHADOW_PIXELS = 1.0, 96

    def __init__(self, plotter: Any, theme: Theme) -> None:
        line = (np.arange(self._SHADOW_PIXELS) + 0.5) / self._SHADOW_PIXELS
        offsets = (line[:, None] - line[None]) / 0.045
        blur = np.exp(-0.5 * offsets**2)
        self._blur = blur / blur.sum(axis=0)
        self._grid_texture, self._grid = textured_square(plotter, self._HALF_M, self._PIXELS)
        self._quick_texture = pv.Texture(self._grid_texture.GetInput())
        _set_sampling(self._quick_texture)
        self._quick_texture.SetMaximumAnisotropicFiltering(1.0)
        self._shadow_texture, self._shadow = textured_square(plotter, self._SHADOW_HALF_M, self._SHADOW_PIXELS)
        self._shadow_texture.mipmap = False  # it is written with every mesh, and smooth
        self._height, self._shown, self._size = 0.0, True, 1.0
        self.set_theme(theme)
        self._shadow.visibility = False

    @property
    def height(self) -> float:
        return self._height

    @property
    def cell(self) -> float:
        """Metres from one line of the grid to the next."""
        return self._CELL_M * self._size

    def set_scale(self, scale: float) -> None:
        """For meshes of a model with this ``scale``, see `Similarity`: lines at a round distance."""
        size = round_below(self._CELL / scale, (1, 2, 2.5, 5)) / self._CELL_M
        if size != self._size:
            self._size = size
            for actor in (self._grid, self._shadow):
                actor.scale = (size, 1.0, size)

    def set_theme(self, theme: Theme) -> None:
        pixels = np.empty((self._PIXELS, self._PIXELS, 4), np.uint8)
        pixels[..., :3] = pv.Color(theme.floor).int_rgb
        pixels[..., 3] = self._opacity()
        write_texture(self._grid_texture, pixels)
        self._darkness = 0.6 if theme.name == "dark" else 0.38

    @classmethod
    @cache  # the same for every view
    def _opacity(cls) -> NDArray[np.uint8]:
        """Of the grid (P, P): lines, fading towards the border."""
        x = ((np.arange(cls._PIXELS) + 0.5) / cls._PIXELS * 2 - 1) * cls._HALF_M
        width = 2.4 * cls._HALF_M / cls._PIXELS
        line = np.clip(1.5 - np.abs(x / cls._CELL_M - np.round(x / cls._CELL_M)) * cls._CELL_M / width, 0, 1)
        distance = np.hypot(*np.meshgrid(x, x)) / cls._HALF_M
        fade = np.clip(1 - distance, 0, 1) ** 1.3
        strength = 0.05 + 0.26 * np.maximum(line[:, None], line[None])
        return (255 * strength * fade).astype(np.uint8)

    def place(self, height: float, centre: tuple[float, float] = (0.0, 0.0)) -> None:
        """Put the ground at ``height`` with its middle at ``centre`` (x, z), to the nearest grid line."""
        x, z = (self.cell * round(part / self.cell) for part in centre)
        self._height = height
        self._grid.position = (x, height, z)

    def set_visible(self, visible: bool) -> None:
        self._shown = visible
        self._grid.visibility = visible
        self._shadow.visibility = visible and self._shadow.visibility

    def set_quick(self, quick: bool) -> None:
        """With lines that blur in the distance."""
        self._grid.SetTexture(self._quick_texture if quick else self._grid_texture)

    def hide_shadow(self) -> None:
        self._shadow.visibility = False

    def cast_shadow(self, vertices: NDArray[np.float32]) -> None:
        """Darken the ground below ``vertices`` (V, 3), the more the closer they are."""
        if not self._shown or len(vertices) == 0:
            self.hide_shadow()
            return
        low = vertices.min(axis=0)
        centre = 0.5 * (low + vertices.max(axis=0))
        height = (vertices[:, 1] - low[1]) / self._size
        position = (vertices[:, [2, 0]] - centre[[2, 0]]) / (2 * self._SHADOW_HALF_M * self._size) + 0.5
        bins = (position * self._SHADOW_PIXELS).astype(int)
        inside = ((bins >= 0) & (bins < self._SHADOW_PIXELS)).all(axis=1)
        flat = bins[inside, 0] * self._SHADOW_PIXELS + bins[inside, 1]
        weight = np.exp(-height[inside] / 0.22) + 0.04
        density = np.bincount(flat, weight, self._SHADOW_PIXELS**2).reshape(self._SHADOW_PIXELS, -1)
        # in bands: a larger product would be shared out to threads, and wait for those that a busy machine delays
        bands = (self._SHADOW_PIXELS // 4, self._SHADOW_PIXELS)
        density = (density.reshape(4, *bands) @ self._blur).reshape(density.shape)
        density = (self._blur.T.reshape(4, *bands) @ density).reshape(density.shape)
        density *= self._SHADOW_PIXELS**2 / len(vertices)
        pixels = np.zeros((self._SHADOW_PIXELS, self._SHADOW_PIXELS, 4), np.uint8)
        pixels[..., 3] = 255 * self._darkness * (1 - np.exp(-0.35 * density))
        write_texture(self._shadow_texture, pixels)
        self._shadow.position = (float(centre[0]), self._height + 0.002 * self._size, float(centre[2]))
        self._shadow.visibility = True


def textured_square(plotter: Any, half: float, pixels: int) -> tuple[pv.Texture, Any]:
    """A square of 2 ``half`` metres in the plane y = 0: texture rows run along +z, columns along +x."""
    corners = np.array([[-half, 0, -half], [half, 0, -half], [half, 0, half], [-half, 0, half]], np.float32)
    square = pv.PolyData(corners, faces=[4, 0, 1, 2, 3])
    # the first row of an image is the top of a texture, which is where v = 1
    square.active_texture_coordinates = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    texture = pv.Texture(np.zeros((pixels, pixels, 4), np.uint8))
    _set_sampling(texture)
    actor = plotter.add_mesh(
        square,
        texture=texture,
        lighting=False,
        pickable=False,
        copy_mesh=False,
        render=False,
        reset_camera=False,
    )
    actor.ForceTranslucentOn()
    return texture, actor


def _set_sampling(texture: pv.Texture) -> None:
    texture.interpolate = True
    texture.mipmap = True
    texture.repeat = False


def write_texture(texture: pv.Texture, pixels: NDArray[np.uint8]) -> None:
    """Replace the pixels (H, W, 4) of a texture."""
    image = texture.GetInput()
    scalars = pv.convert_array(image.GetPointData().GetScalars())
    scalars[:] = pixels[::-1].reshape(-1, 4)
    image.GetPointData().GetScalars().Modified()
    image.Modified()
