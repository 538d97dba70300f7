"""Pictures of what a model has learned, by ray casting: no window, no graphics driver, CPU or CUDA."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.core.files import replacing_file
from engine.geometry.camera import PinholeCamera
from engine.geometry.ray_casting import DepthRenderer
from engine.models.model import NeuralParametricModel
from engine.models.named_codes import IdentityFrame
from engine.surface.extract import extract_surface, pose_vertices

_COLUMNS = 4
_SAMPLES = 2  # rays per pixel and axis
_DISTANCE = 8.0  # from the camera to each surface, canonical units: far, so that sizes can be compared
_AZIMUTH, _ELEVATION = np.radians(24.0), np.radians(8.0)  # of the camera: from the front to the subject's left, and up
_MARGIN = 0.06  # around each surface, of the longest side
_BLANK = (0.7, 0.8)  # width and height of a surface that is not there, canonical units
# linear colours
_CLAY = (0.60, 0.525, 0.47)
_BACKGROUND = (0.93, 0.925, 0.915)
_SKY, _FLOOR = (0.32, 0.35, 0.40), (0.17, 0.145, 0.13)  # ambient light from above and from below
# towards each light in the camera's axes (x right, y down, z forward), and its colour
_LIGHTS = (
    ((-0.80, -0.70, -0.48), (1.12, 1.06, 0.96)),
    ((0.95, -0.15, -0.15), (0.19, 0.24, 0.32)),
)
_WRAP = 0.12  # how far light reaches around an edge
_OCCLUDERS = 32  # neighbours that are asked how much of the ambient light they keep away
_REACH = 0.08  # of the farthest of them, canonical units
_OCCLUSION = 2.6


def preview_identities(model: NeuralParametricModel) -> list[IdentityFrame]:
    """Up to four training identities, evenly spaced, each with one of its frames; the same ones at every call."""
    count = min(_COLUMNS, len(model.shape_codes))
    identities = np.linspace(0, len(model.shape_codes) - 1, count).round().astype(int).tolist()
    chosen: list[IdentityFrame] = []
    for column, identity in enumerate(identities):
        frames = model.frames_of(identity) if model.has_pose else []
        # another fraction of the way for each: all identities may have the same motions in the same order
        frame = frames[len(frames) * (2 * column + 1) // (2 * count)] if frames else None
        chosen.append(IdentityFrame(identity, frame))
    return chosen


@torch.no_grad()
def preview_picture(model: NeuralParametricModel, resolution: int = 96, size: int = 300) -> NDArray[np.uint8]:
    """A sheet (H, W, 3): the canonical surfaces of `preview_identities` in one row, posed ones in a second.

    All are seen from the same direction and at the same scale, and stand on the same line. The cell of a code without
    a surface, as all are early in training, stays blank.

    Args:
        resolution: nodes per axis of the grid for the surfaces.
        size: pixels of the longest side of all surfaces.
    """
    rows: list[list[Tensor]] = [[] for _ in range(2 if model.has_pose else 1)]  # (V, 3) each, camera axes
    faces = []
    for one in preview_identities(model):
        code = model.shape_codes[one.identity]
        mesh = extract_surface(model, code, resolution)
        faces.append(mesh.faces)
        rows[0].append(_camera_axes(torch.as_tensor(mesh.vertices, device=model.device)))
        if len(rows) == 2:
            posed = mesh.vertices
            if one.frame is not None and model.pose_codes is not None and not mesh.is_empty:
                posed = pose_vertices(model, code, model.pose_codes[one.frame], posed)
            rows[1].append(_camera_axes(torch.as_tensor(posed, device=model.device)))

    spans = [torch.stack([_span(vertices) for vertices in row]).amax(0).tolist() for row in rows]
    longest = max(max(span) for span in spans)
    scale, margin = size / longest, _MARGIN * longest
    width = max(span[0] for span in spans) + 2 * margin
    sheet = []
    for row, span in zip(rows, spans, strict=True):
        height = span[1] + 2 * margin
        camera = _camera(width, height, scale)
        standing = torch.tensor([0.0, height / 2 - margin, _DISTANCE], device=model.device)
        cells = [_cell(f, v + standing, camera, model.device) for f, v in zip(faces, row, strict=True)]
        sheet.append(torch.cat(cells, dim=1))
    picture: NDArray[np.uint8] = torch.cat(sheet).round().byte().cpu().numpy()
    return picture


def write_png(picture: NDArray[np.uint8], path: Path) -> None:
    """Write ``picture`` (H, W, 3) as PNG with a palette, which is enough for surfaces of one colour."""
    indexed = Image.fromarray(picture).quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    with replacing_file(path) as temporary:
        indexed.save(temporary, format="PNG", optimize=True)


def _camera_axes(vertices: Tensor) -> Tensor:
    """Canonical ``vertices`` (V, 3) in the camera's axes, above the origin; (0, 3) when one of them is not finite."""
    if len(vertices) == 0 or not vertices.isfinite().all():
        return vertices[:0]
    cos_a, sin_a, cos_e, sin_e = np.cos(_AZIMUTH), np.sin(_AZIMUTH), np.cos(_ELEVATION), np.sin(_ELEVATION)
    axes = [[cos_a, 0, -sin_a], [sin_a * sin_e, -cos_e, cos_a * sin_e], [-sin_a * cos_e, -sin_e, -cos_a * cos_e]]
    seen = vertices @ vertices.new_tensor(axes).T
    low, high = seen.amin(0), seen.amax(0)
    middle = (low + high) / 2
    middle[1] = high[1]
    return seen - middle


def _span(vertices: Tensor) -> Tensor:
    """Width and height (2,) of ``vertices`` (V, 3) in the picture."""
    if len(vertices) == 0:
        return vertices.new_tensor(_BLANK)
    return vertices[:, :2].amax(0) - vertices[:, :2].amin(0)


def _camera(width: float, height: float, scale: float) -> PinholeCamera:
    """A camera that sees ``width`` times ``height`` canonical units at `_DISTANCE`, ``scale`` pixels each."""
    columns, rows = (_SAMPLES * round(length * scale) for length in (width, height))
    focal = _SAMPLES * scale * _DISTANCE
    return PinholeCamera(columns, rows, focal, focal, columns / 2, rows / 2)


def _cell(faces: NDArray[np.int32], vertices: Tensor, camera: PinholeCamera, device: torch.device) -> Tensor:
    """Picture (H, W, 3), 0 to 255, of a mesh with ``faces`` (T, 3) and ``vertices`` (V, 3) before ``camera``."""
    colours = vertices.new_tensor(_BACKGROUND).expand(camera.height, camera.width, 3).clone()
    if len(vertices):
        hits = DepthRenderer(faces, camera, device).trace(vertices, np.eye(4)[None])
        pixels = (hits.face[0] >= 0).nonzero()  # (P, 2) row and column
        rows, columns = pixels.unbind(1)
        triangles = torch.as_tensor(faces, device=device).long()
        corners = triangles[hits.face[0, rows, columns].long()]  # (P, 3)
        weights = hits.barycentric[0, rows, columns]
        weights = torch.cat((weights, 1 - weights.sum(1, keepdim=True)), dim=1)
        normals = (_vertex_normals(vertices, triangles)[corners] * weights[..., None]).sum(1)
        normals = functional.normalize(normals, dim=1)
        colours[rows, columns] = _shade(normals, _openness(pixels, normals, hits.depth_m[0], camera))
    shown = 255 * colours.clamp(0, 1) ** (1 / 2.2)  # averaged as the eye sees them, or edges are ragged
    return functional.avg_pool2d(shown.permute(2, 0, 1), _SAMPLES).permute(1, 2, 0)


def _vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Area-weighted normals (V, 3), not of unit length, of ``vertices`` (V, 3) and ``faces`` (T, 3)."""
    a, b, c = vertices[faces].unbind(1)
    of_faces = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices).index_add_(0, faces.flatten(), of_faces.repeat_interleave(3, dim=0))
    return functional.normalize(normals, dim=1, eps=1e-20)


def _openness(pixels: Tensor, normals: Tensor, depth: Tensor, camera: PinholeCamera) -> Tensor:
    """Fraction (P,) of the ambient light that reaches ``pixels`` (P, 2) with ``normals`` (P, 3) in ``depth`` (H, W).

    Neighbours in the image that stand above the tangent plane keep it away (McGuire et al. 2011).
    """
    place = torch.arange(_OCCLUDERS, device=depth.device) + 0.5
    radius, angle = (place / _OCCLUDERS).sqrt() * _REACH * camera.fx / _DISTANCE, place * 2.39996  # a sunflower
    steps = (radius[:, None] * torch.stack((angle.sin(), angle.cos()), dim=1)).round().long()
    near = pixels[:, None] + steps  # (P, K, 2)
    rows, columns = near[..., 0].clamp(0, camera.height - 1), near[..., 1].clamp(0, camera.width - 1)
    there, here = depth[rows, columns], depth[pixels[:, 0], pixels[:, 1]]
    scale = _DISTANCE / camera.fx  # so far away, all rays are parallel
    across = steps.to(depth) * scale
    away = torch.stack((across[:, 1].expand_as(there), across[:, 0].expand_as(there), there - here[:, None]), dim=-1)
    squared = away.square().sum(-1)
    above = ((away * normals[:, None]).sum(-1) - 0.002).clamp_min(0)
    blocked = torch.where(there > 0, (1 - squared / _REACH**2).clamp_min(0) * above / squared.sqrt().clamp_min(1e-4), 0)
    return (1 - _OCCLUSION * blocked.mean(1)).clamp_min(0)


def _shade(normals: Tensor, openness: Tensor) -> Tensor:
    """Linear colours (P, 3) of surface points with unit ``normals`` (P, 3), camera axes, and ``openness`` (P,)."""
    up = (0.5 - 0.5 * normals[:, 1:2]).clamp(0, 1)
    light = normals.new_tensor(_FLOOR).lerp(normals.new_tensor(_SKY), up) * openness[:, None]
    for direction, colour in _LIGHTS:
        towards = functional.normalize(normals.new_tensor(direction), dim=0)
        lambert = (normals @ towards + _WRAP).clamp_min(0) / (1 + _WRAP)
        light = light + (lambert * openness.sqrt())[:, None] * normals.new_tensor(colour)
    return normals.new_tensor(_CLAY) * light
