"""Measurements of shapes and of postures, by which directions are named and bodies described."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import Cancelled
from engine.evaluate.body_landmarks import BodyLandmarks, NotABody, find_landmarks, largest_part
from engine.evaluate.body_measurements import BODY_MEASUREMENTS, measure_body
from engine.geometry.mesh import Mesh
from engine.geometry.topology import signed_volume
from engine.models.model import NeuralParametricModel
from npm_studio.session.portraits.direction_names import Measured

Shape = dict[str, float]
"""Measurements of one surface: those of bodies by their names, or extents; nothing of what is no closed surface."""

_GIRTHS = ("chest_girth", "waist_girth", "hip_girth", "thigh_girth")
_MOST_IDENTITIES, _MOST_FRAMES = 64, 1500
"""That are measured, of all that a model was trained with."""
_TOGETHER = 100


def measure_shape(surface: Mesh) -> Shape:
    """Of a ``surface`` in metres, in the canonical pose."""
    if surface.is_empty:
        return {}
    try:
        return measure_body(surface)
    except NotABody:
        size = 100 * np.ptp(surface.vertices, axis=0)
        volume = 1000 * signed_volume(surface.vertices, surface.faces)
        return {"width": float(size[0]), "tallness": float(size[1]), "depth": float(size[2]), "volume": float(volume)}


def measured_shapes(shapes: list[Shape]) -> list[Measured]:
    """Measurements of several surfaces, with what follows from them."""

    def of(name: str) -> NDArray[np.float64]:
        return np.array([shape.get(name, np.nan) for shape in shapes])

    if not any("height" in shape for shape in shapes):
        extents = (("tallness", "Extent upwards"), ("width", "Extent sideways"), ("depth", "Extent in depth"))
        return [Measured(title, "cm", of(name)) for name, title in extents] + [Measured("Volume", "l", of("volume"))]
    known = [Measured(one.title.capitalize(), one.unit, of(one.name)) for one in BODY_MEASUREMENTS]
    girth, height = np.mean([of(name) for name in _GIRTHS], axis=0), of("height")
    return [
        *known,
        Measured("Girth", "cm", girth),
        Measured("Girth for height", "", girth / height),
        Measured("Leg length for height", "", of("leg_length") / height),
        Measured("Arm length for height", "", of("arm_length") / height),
        Measured("Waist to chest", "", of("waist_girth") / of("chest_girth")),
        Measured("Hip to waist", "", of("hip_girth") / of("waist_girth")),
    ]


def identities_to_measure(model: NeuralParametricModel) -> NDArray[np.int64]:
    """Training identities, all or an even choice of them."""
    return _evenly(len(model.shape_codes), _MOST_IDENTITIES)


def frames_to_measure(model: NeuralParametricModel) -> NDArray[np.int64]:
    """Rows of the pose codes, all or an even choice of them."""
    return _evenly(0 if model.pose_codes is None else len(model.pose_codes), _MOST_FRAMES)


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).astype(np.int64))
    return rows


def measure_postures(
    model: NeuralParametricModel, mean: Mesh, rows: NDArray[np.int64], cancelled: Callable[[], bool]
) -> list[Measured]:
    """Postures of the mean shape in the training poses ``rows`` (N,); empty where it is no standing body.

    Args:
        mean: canonical surface of the mean shape, canonical units

    Raises:
        Cancelled: ``cancelled`` said so.
    """
    similarity = model.info.similarity
    try:
        body = largest_part(Mesh(similarity.to_world(mean.vertices), mean.faces))
        places = _places(body, find_landmarks(body))
    except NotABody:
        return []
    assert model.pose_codes is not None
    points = torch.from_numpy(similarity.to_canonical(np.stack(list(places.values()))).astype(np.float32))
    shape = model.shape_codes.mean(dim=0, keepdim=True)
    posed = []
    for start in range(0, len(rows), _TOGETHER):
        if cancelled():
            raise Cancelled
        poses = model.pose_codes[torch.from_numpy(rows[start : start + _TOGETHER]).to(model.device)]
        moved = model.pose(shape.expand(len(poses), -1), poses, points[None].to(model.device))
        posed.append(moved.cpu().numpy())
    together = np.concatenate(posed).astype(np.float64) / similarity.scale * 100  # centimetres
    return _postures({name: together[:, index] for index, name in enumerate(places)})


def _places(body: Mesh, marks: BodyLandmarks) -> dict[str, NDArray[np.float64]]:
    """Vertices (3,) of joints and ends of limbs, on the surface, where poses are learned."""
    vertices = np.asarray(body.vertices, np.float64)

    def near(point: NDArray[np.float64]) -> NDArray[np.float64]:
        nearest: NDArray[np.float64] = vertices[np.square(vertices - point).sum(axis=1).argmin()]
        return nearest

    places = {
        "head": vertices[vertices[:, 1].argmax()],
        "crotch": near(np.array([marks.middle, marks.crotch, float(vertices[:, 2].mean())])),
    }
    for side, arm, leg in zip(("left", "right"), marks.arms, marks.legs, strict=True):
        places |= {
            f"{side} shoulder": near(arm.shoulder),
            f"{side} wrist": near(arm.wrist),
            f"{side} hip": near(leg.hip),
            f"{side} sole": near(leg.hip + leg.axis * leg.length),
        }
    return places


def _postures(at: dict[str, NDArray[np.float64]]) -> list[Measured]:
    """Of places (N, 3), centimetres."""

    def offset(end: str, start: str, axis: int) -> NDArray[np.float64]:
        return at[end][:, axis] - at[start][:, axis]

    def apart(one: str, other: str) -> NDArray[np.float64]:
        distance: NDArray[np.float64] = np.linalg.norm(at[one] - at[other], axis=1)
        return distance

    raised, forward, outward, bent, knees = {}, {}, {}, {}, {}
    for side, sign in (("left", 1), ("right", -1)):
        wrist, shoulder = f"{side} wrist", f"{side} shoulder"
        raised[side], forward[side] = offset(wrist, shoulder, 1), offset(wrist, shoulder, 2)
        outward[side] = sign * offset(wrist, shoulder, 0)
        bent[side], knees[side] = -apart(wrist, shoulder), -apart(f"{side} sole", f"{side} hip")
    measured: list[Measured] = []
    for title, sides in (
        ("arm raise", raised),
        ("arm forward", forward),
        ("arm outward", outward),
        ("elbow bend", bent),
        ("knee bend", knees),
    ):
        measured.append(Measured(title.capitalize(), "cm", 0.5 * (sides["left"] + sides["right"])))
        measured += [Measured(f"{side.capitalize()} {title}", "cm", sides[side]) for side in ("left", "right")]
        measured.append(Measured(f"{title.capitalize()}, left over right", "cm", sides["left"] - sides["right"]))
    lowest = np.minimum(at["left sole"][:, 1], at["right sole"][:, 1])
    return [
        *measured,
        Measured("Hands apart", "cm", apart("left wrist", "right wrist")),
        Measured("Feet apart", "cm", apart("left sole", "right sole")),
        Measured("Left foot before right", "cm", offset("left sole", "right sole", 2)),
        Measured("Left foot over right", "cm", offset("left sole", "right sole", 1)),
        Measured("Lean forward", "cm", offset("head", "crotch", 2)),
        Measured("Lean to the left", "cm", offset("head", "crotch", 0)),
        Measured("Twist", "cm", offset("left shoulder", "right shoulder", 2) - offset("left hip", "right hip", 2)),
        Measured("Crouch", "cm", -(at["head"][:, 1] - lowest)),
    ]
