"""Pictures and videos without a window: off-screen pyvista in one consistent studio look."""

from npm_studio.reports.pictures.colours import CLAY, colour_depth, colour_errors, error_legend
from npm_studio.reports.pictures.renderer import (
    THREE_QUARTER,
    OffscreenRenderer,
    Scene,
    ViewDirection,
    line_up,
    render_meshes,
)
from npm_studio.reports.pictures.sheet import caption, grid, save_picture, strip
from npm_studio.reports.pictures.video import render_mesh_video, write_video

__all__ = [
    "CLAY",
    "THREE_QUARTER",
    "OffscreenRenderer",
    "Scene",
    "ViewDirection",
    "caption",
    "colour_depth",
    "colour_errors",
    "error_legend",
    "grid",
    "line_up",
    "render_mesh_video",
    "render_meshes",
    "save_picture",
    "strip",
    "write_video",
]
