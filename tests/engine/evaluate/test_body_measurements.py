"""Measurements of a body whose sizes are known; the parts of the way there against slow, readable twins."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from engine.evaluate.body_landmarks import NotABody, find_landmarks, joining_level, largest_part
from engine.evaluate.body_measurements import BODY_MEASUREMENTS, measure_body
from engine.evaluate.sections import Sections
from engine.geometry.mesh import Mesh
from engine.geometry.topology import signed_volume
from tests.support.plain_body import PlainBody

BODY = PlainBody()


@pytest.fixture(scope="module")
def surface() -> Mesh:
    return BODY.surface()


@pytest.fixture(scope="module")
def measured(surface: Mesh) -> dict[str, float]:
    return measure_body(surface)


def test_lengths_girths_and_volume_of_a_known_body_are_found(surface: Mesh, measured: dict[str, float]) -> None:
    assert list(measured) == [definition.name for definition in BODY_MEASUREMENTS]
    round_the_trunk = 200 * np.pi * BODY.trunk_radius
    for name in ("chest_girth", "waist_girth", "hip_girth"):
        assert measured[name] == pytest.approx(round_the_trunk, abs=0.4), name
    assert measured["thigh_girth"] == pytest.approx(200 * np.pi * BODY.leg_radius, abs=0.4)
    assert measured["height"] == pytest.approx(100 * BODY.height, abs=0.5)
    assert measured["leg_length"] == pytest.approx(100 * BODY.leg, abs=0.5)
    assert measured["volume"] == pytest.approx(1000 * signed_volume(surface.vertices, surface.faces))


def test_the_crotch_and_the_armpits_are_where_the_parts_meet(surface: Mesh) -> None:
    marks = find_landmarks(surface)
    assert marks.crotch == pytest.approx(0, abs=0.005)
    drop = np.radians(BODY.arm_drop)
    underside = BODY.trunk - 0.07 - 0.3 * BODY.trunk_radius * np.tan(drop) - 0.045 / np.cos(drop)
    assert marks.armpits == pytest.approx(underside, abs=0.01)
    for side, arm in zip((1, -1), marks.arms, strict=True):
        assert side * arm.armpit[0] == pytest.approx(BODY.trunk_radius, abs=0.02)


@pytest.mark.parametrize("spread", [6.0, 28.0])
def test_how_far_the_legs_are_apart_does_not_matter(spread: float, measured: dict[str, float]) -> None:
    otherwise = measure_body(replace(BODY, spread=spread).surface())
    for name in ("height", "leg_length", "thigh_girth", "waist_girth"):
        assert otherwise[name] == pytest.approx(measured[name], abs=0.7), name


def test_how_high_the_arms_are_does_not_matter(measured: dict[str, float]) -> None:
    otherwise = measure_body(replace(BODY, arm_drop=50.0).surface())
    for name in ("height", "waist_girth", "hip_girth"):
        assert otherwise[name] == pytest.approx(measured[name], abs=0.4), name
    assert otherwise["arm_length"] == pytest.approx(measured["arm_length"], abs=4)  # its shoulders are square


def test_a_child_of_the_same_build_has_all_smaller_by_the_same_factor(
    surface: Mesh, measured: dict[str, float]
) -> None:
    child = measure_body(Mesh(surface.vertices * np.float32(0.6), surface.faces))
    for name, value in measured.items():
        assert child[name] == pytest.approx(value * (0.6**3 if name == "volume" else 0.6), rel=1e-2), name


def test_what_floats_beside_the_body_does_not_count(surface: Mesh, measured: dict[str, float]) -> None:
    speck = trimesh.creation.icosphere(1, 0.02)
    vertices = np.concatenate((surface.vertices, speck.vertices + np.array([0, -0.95, 0.2])))
    faces = np.concatenate((surface.faces, speck.faces + len(surface.vertices)))
    assert measure_body(Mesh(vertices.astype(np.float32), faces.astype(np.int32))) == pytest.approx(measured)


def test_a_tape_spans_hollows() -> None:
    one, other = (trimesh.creation.cylinder(0.1, 1.0, transform=_upright(x)) for x in (-0.08, 0.08))
    both = trimesh.boolean.union([one, other])
    found = Sections(both.vertices, both.faces).girth(np.zeros(3), np.array([0.0, -1.0, 0.0]))
    assert found == pytest.approx(2 * np.pi * 0.1 + 2 * 0.16, rel=0.01)


def test_girths_are_those_of_the_hull_of_the_closed_outline(surface: Mesh) -> None:
    marks, sections = find_landmarks(surface), Sections(surface.vertices, surface.faces)
    for level in (0.1, 0.3, 0.45):
        found = sections.girth(np.array([marks.middle, level, 0.0]), np.array([0.0, -1.0, 0.0]))
        cut = trimesh.Trimesh(surface.vertices, surface.faces).section((0, 1, 0), (0, level, 0))
        outlines = [points[:, [0, 2]] for points in cut.discrete if points[:, 0].min() < 0 < points[:, 0].max()]
        (trunk,) = outlines
        assert found == pytest.approx(_wrapped_length(trunk), rel=1e-6)


def test_the_joining_level_is_that_of_vertices_flooded_one_by_one(surface: Mesh) -> None:
    part = largest_part(surface)
    values, chosen = part.vertices[:, 1].astype(np.float64), np.random.default_rng(1)
    for one, other in chosen.integers(0, len(values), (4, 2)):
        assert joining_level(values, part.faces, one, other) == _flooded(values, part.faces, one, other)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (replace(BODY, left_leg=-0.2), "legs are not of one length"),
        (replace(BODY, left_arm=-0.2), "arms"),
        (replace(BODY, arm=0.2), "arm"),
        (replace(BODY, leg=0.25), "legs"),
        (replace(BODY, spread=0.0, leg_radius=0.1), "legs"),
    ],
)
def test_what_has_no_two_legs_and_arms_is_not_measured(body: PlainBody, what: str) -> None:
    with pytest.raises(NotABody, match=what):
        measure_body(body.surface())


def test_a_ball_and_an_animal_on_four_legs_are_not_measured() -> None:
    ball = trimesh.creation.icosphere(3, 0.5)
    trunk = trimesh.creation.box((0.3, 0.3, 1.0))
    legs = [
        trimesh.creation.box((0.1, 0.6, 0.1), trimesh.transformations.translation_matrix((x, -0.4, z)))
        for x in (-0.1, 0.1)
        for z in (-0.4, 0.4)
    ]
    animal = trimesh.boolean.union([trunk, *legs]).subdivide().subdivide().subdivide()
    for shape in (ball, animal):
        with pytest.raises(NotABody):
            measure_body(_mesh(shape))


def test_what_is_open_or_empty_is_not_measured(surface: Mesh) -> None:
    with pytest.raises(NotABody, match="not closed"):
        measure_body(Mesh(surface.vertices, surface.faces[1:]))
    with pytest.raises(NotABody, match="empty"):
        measure_body(Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)))


def _mesh(shape: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(shape.vertices, np.float32), np.asarray(shape.faces, np.int32))


def _upright(x: float) -> np.ndarray:
    place: np.ndarray = trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0))
    place[0, 3] = x
    return place


def _wrapped_length(points: np.ndarray) -> float:
    """Around ``points`` (N, 2), from each to the one that has all others on its left (Jarvis 1973)."""
    first = current = int(points[:, 0].argmin())
    length = 0.0
    while True:
        following = (current + 1) % len(points)
        for candidate in range(len(points)):
            (ax, ay), (bx, by) = points[following] - points[current], points[candidate] - points[current]
            turn = ax * by - ay * bx
            if turn < 0 or (turn == 0 and bx * bx + by * by > ax * ax + ay * ay):
                following = candidate
        length += float(np.linalg.norm(points[following] - points[current]))
        current = following
        if current == first:
            return length


def _flooded(values: np.ndarray, faces: np.ndarray, one: int, other: int) -> float:
    """The value of the vertex that connects both, when all are added by rising values."""
    parents = list(range(len(values)))

    def root(vertex: int) -> int:
        while parents[vertex] != vertex:
            vertex = parents[vertex]
        return vertex

    neighbours: dict[int, set[int]] = {}
    for a, b, c in faces.tolist():
        for vertex, others in ((a, (b, c)), (b, (a, c)), (c, (a, b))):
            neighbours.setdefault(vertex, set()).update(others)
    wet = set()
    for vertex in values.argsort(kind="stable").tolist():
        wet.add(vertex)
        for neighbour in neighbours[vertex] & wet:
            parents[root(neighbour)] = root(vertex)
        if one in wet and other in wet and root(one) == root(other):
            return float(values[vertex])
    raise AssertionError("they are of two parts")
