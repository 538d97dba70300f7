from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import trimesh

from engine.geometry.repair import repair as closing
from engine.geometry.repair.hole_caps import boundary_loops, cap_hole, flat_caps
from engine.geometry.repair.repair import NotRepairableError, Repair
from engine.geometry.signed_distance import winding_number
from engine.geometry.topology import defects, edge_uses, part_of_faces, signed_volume
from engine.surface.winding_surface import winding_surface

Arrays = tuple[np.ndarray, np.ndarray]

repair_watertight = partial(closing.repair_watertight, resurface=winding_surface)


def sphere(radius: float = 0.3, subdivisions: int = 4) -> Arrays:
    mesh = trimesh.creation.icosphere(subdivisions, radius)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def box(offset: tuple[float, float, float] = (0, 0, 0)) -> Arrays:
    mesh = trimesh.creation.box((0.2, 0.2, 0.2))
    return np.asarray(mesh.vertices) + offset, np.asarray(mesh.faces)


def together(*meshes: Arrays) -> Arrays:
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in meshes[:-1]])
    return (
        np.concatenate([vertices for vertices, _ in meshes]),
        np.concatenate([faces + start for (_, faces), start in zip(meshes, starts, strict=True)]),
    )


def welded(vertices: np.ndarray, faces: np.ndarray) -> Arrays:
    """Vertices at one place made one, and nothing else."""
    places, index = np.unique(vertices.round(6), axis=0, return_inverse=True)
    return places, index.reshape(-1)[faces]


def checked(repair: Repair) -> trimesh.Trimesh:
    """The repaired mesh, found closed and outward by trimesh's own test."""
    mesh = trimesh.Trimesh(repair.mesh.vertices, repair.mesh.faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0
    assert repair.mesh.vertices.dtype == np.float32
    assert repair.mesh.faces.dtype == np.int32
    return mesh


def test_flat_caps_close_the_holes_of_tubes_without_new_vertices() -> None:
    turn = np.arange(9) * 2 * np.pi / 9
    circle = np.stack([np.cos(turn), np.sin(turn), np.zeros(9)], axis=1)
    quads = [((i, (i + 1) % 9, 9 + i), ((i + 1) % 9, 9 + (i + 1) % 9, 9 + i)) for i in range(9)]
    tube = np.concatenate((circle, circle + np.eye(3)[2])), np.array(quads).reshape(-1, 3)
    vertices, faces = together(tube, tube)
    caps = flat_caps(faces.astype(np.int32))
    mesh = trimesh.Trimesh(vertices, np.concatenate([faces, caps]), process=False)
    assert caps.shape == (4 * 7, 3) and mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    assert np.bincount(caps.ravel()).max() <= 4
    assert flat_caps(sphere()[1]).shape == (0, 3)


def test_flat_caps_over_a_rim_that_meets_itself_are_refused() -> None:
    with pytest.raises(ValueError, match="meets itself"):
        flat_caps(np.array([[0, 1, 2], [0, 3, 4]]))


def test_a_closed_mesh_comes_back_as_it_is() -> None:
    vertices, faces = sphere()
    repair = repair_watertight(vertices.astype(np.float32), faces.astype(np.int32))
    assert repair.steps == ()
    assert repair.distance_max == 0
    assert np.array_equal(repair.mesh.vertices, vertices.astype(np.float32))
    assert np.array_equal(repair.mesh.faces, faces)


def test_a_mesh_inside_out_is_turned() -> None:
    vertices, faces = sphere()
    repair = repair_watertight(vertices, faces[:, ::-1])
    assert checked(repair).volume == pytest.approx(signed_volume(vertices, faces), rel=1e-5)
    assert repair.steps == ("turned 1 of 1 parts outwards",)


def test_a_cap_bulges_as_the_sphere_around_its_hole_does() -> None:
    vertices, faces = sphere()
    hole = vertices[faces].mean(axis=1)[:, 1] > 0.26  # a rim of radius 0.15
    repair = repair_watertight(vertices, faces[~hole])
    assert repair.steps == ("capped 1 holes",)
    assert repair.distance_max < 1e-6
    assert np.abs(np.linalg.norm(checked(repair).vertices, axis=1) - 0.3).max() < 0.003  # a flat cap is off by 0.04


def test_two_holes_that_touch_at_a_vertex_are_closed() -> None:
    vertices, faces = sphere()
    at = np.flatnonzero((faces == 20).any(axis=1))
    first = at[0]
    opposite = next(i for i in at[1:] if len(np.intersect1d(faces[i], faces[first])) == 1)
    mesh = checked(repair_watertight(vertices, np.delete(faces, [first, opposite], axis=0)))
    assert mesh.volume == pytest.approx(signed_volume(vertices, faces), rel=1e-4)


def test_open_cuffs_of_a_cylinder_are_closed_with_caps_of_the_walls_sense() -> None:
    cylinder = trimesh.creation.cylinder(0.1, 0.6, sections=32).subdivide().subdivide()
    walls = np.abs(cylinder.face_normals[:, 2]) < 0.5
    repair = repair_watertight(cylinder.vertices, cylinder.faces[walls])
    mesh = checked(repair)
    assert repair.steps == ("capped 2 holes",)
    assert cylinder.volume <= mesh.volume < 1.1 * cylinder.volume
    assert np.abs(mesh.vertices[:, 2]).max() < 0.3 + 0.05


def test_flipped_triangles_are_turned_to_agree() -> None:
    vertices, faces = sphere()
    flipped = np.random.default_rng(0).random(len(faces)) < 0.2
    repair = repair_watertight(vertices, np.where(flipped[:, None], faces[:, ::-1], faces))
    assert checked(repair).volume == pytest.approx(signed_volume(vertices, faces), rel=1e-5)
    assert repair.steps[0].startswith(f"turned {flipped.sum()} triangles")


def test_repeated_and_degenerate_triangles_are_dropped() -> None:
    vertices, faces = sphere()
    more = np.concatenate((faces, faces[:100], faces[:50, [1, 0, 2]], [[0, 0, 1]]))
    repair = repair_watertight(vertices, more)
    assert len(checked(repair).faces) == len(faces)
    assert repair.steps == ("dropped 151 repeated or degenerate triangles",)


def test_triangles_that_share_no_vertices_are_joined_along_their_seams() -> None:
    vertices, faces = sphere()
    repair = repair_watertight(vertices[faces].reshape(-1, 3), np.arange(3 * len(faces)).reshape(-1, 3))
    assert len(checked(repair).vertices) == len(vertices)


def test_an_interior_shell_is_dropped_whichever_way_it_faces() -> None:
    vertices, faces = sphere(0.08)
    for shell in (faces, faces[:, ::-1]):
        repair = repair_watertight(*together(sphere(), (vertices + 0.05, shell)))
        assert checked(repair).body_count == 1
        assert "dropped 1 parts inside others" in repair.steps
        assert repair.distance_max < 1e-6  # what lies inside is not asked to stay


def test_an_open_interior_shell_is_dropped_too() -> None:
    vertices, faces = sphere(0.08)
    half = faces[vertices[faces].mean(axis=1)[:, 0] > 0.01]
    assert checked(repair_watertight(*together(sphere(), (vertices, half)))).body_count == 1


def test_separate_parts_are_kept() -> None:
    vertices, faces = sphere(0.08)
    repair = repair_watertight(*together(sphere(), (vertices + 0.25, faces)))
    assert checked(repair).body_count == 2
    assert repair.steps == ()


def test_overlapping_parts_become_their_union() -> None:
    vertices, faces = sphere(0.1)
    repair = repair_watertight(*together(box(), box((0.15, 0.013, 0.017)), (vertices - 0.3, faces)))
    mesh = checked(repair)
    shared = 0.05 * (0.2 - 0.013) * (0.2 - 0.017)
    assert mesh.volume == pytest.approx(2 * 0.2**3 - shared + signed_volume(vertices, faces), rel=1e-5)
    assert "united 3 overlapping parts" in repair.steps
    assert np.abs(winding_number(np.array([[0.075, 0.0, 0.0]]), mesh.vertices, mesh.faces) - 1).max() < 0.05


def test_a_wall_between_two_rooms_is_dropped() -> None:
    rooms = welded(*together(box(), box((0.2, 0, 0))))
    repair = repair_watertight(*rooms)
    assert checked(repair).volume == pytest.approx(2 * 0.2**3, rel=1e-5)
    assert any("walls inside" in step for step in repair.steps)


def test_bodies_joined_at_one_edge_are_cut_apart() -> None:
    repair = repair_watertight(*welded(*together(box(), box((0.2, 0.2, 0)))))
    assert checked(repair).volume == pytest.approx(2 * 0.2**3, rel=1e-5)


def test_a_flap_is_dropped() -> None:
    vertices, faces = box()
    flap = [[faces[0, 0], faces[0, 1], len(vertices)]]
    with_flap = (np.concatenate((vertices, vertices[faces[0, :1]] * 1.05)), np.concatenate((faces, flap)))
    repair = repair_watertight(*with_flap, tolerance=0.01)
    assert checked(repair).volume == pytest.approx(0.2**3, rel=1e-5)
    assert "dropped 1 triangles of flaps" in repair.steps


def test_crumbs_of_a_scan_are_left_out() -> None:
    vertices, faces = sphere(0.3, 3)
    hole = vertices[faces].mean(axis=1)[:, 1] > 0.28
    crumb = np.array([[0.31, 0, 0], [0.31, 0.01, 0], [0.31, 0, 0.01]])
    repair = repair_watertight(*together((vertices, faces[~hole]), (crumb, np.array([[0, 1, 2]]))))
    assert checked(repair).body_count == 1
    assert "left out 1 crumbs" in repair.steps


@pytest.mark.slow
def test_a_torn_scan_is_made_anew_from_its_winding_number() -> None:
    vertices, faces = sphere(0.3, 3)
    torn = faces[np.random.default_rng(0).random(len(faces)) < 0.8]
    repair = repair_watertight(vertices, torn, tolerance=0.005)
    assert "made the surface anew where the winding number is one half" in repair.steps
    mesh = checked(repair)
    assert mesh.volume == pytest.approx(signed_volume(vertices, faces), rel=0.03)
    assert repair.distance_95 < 0.003


def test_the_winding_surface_of_a_closed_mesh_is_that_mesh() -> None:
    vertices, faces = sphere(0.3, 4)
    mesh = winding_surface(vertices + 1.0, faces, cells=3000)
    assert defects(mesh.faces) == ""
    assert np.abs(np.linalg.norm(mesh.vertices - 1.0, axis=1) - 0.3).max() < 0.003


SOUPS: dict[str, Callable[[np.random.Generator], Arrays]] = {
    "triangles without order": lambda random: (
        (random.uniform(-0.4, 0.4, (500, 1, 3)) + random.normal(0, 0.02, (500, 3, 3))).reshape(-1, 3),
        np.arange(1500).reshape(-1, 3),
    ),
    "one triangle": lambda random: (np.eye(3) * 0.2, np.array([[0, 1, 2]])),
    "a flat sheet": lambda random: (lambda grid: (np.asarray(grid.vertices), np.asarray(grid.faces)))(
        trimesh.Trimesh([[0, 0, 0], [0.3, 0, 0], [0.3, 0.3, 0], [0, 0.3, 0]], [[0, 1, 2], [0, 2, 3]]).subdivide()
    ),
    "points without area": lambda random: (np.zeros((9, 3)), np.arange(9).reshape(-1, 3)),
    "a line": lambda random: (np.arange(9)[:, None] * np.ones((9, 3)) / 20, np.arange(9).reshape(-1, 3)),
    "repeated corners only": lambda random: (random.uniform(-0.4, 0.4, (9, 3)), np.array([[0, 0, 1], [2, 2, 2]])),
    "no triangles": lambda random: (random.uniform(-0.4, 0.4, (9, 3)), np.zeros((0, 3), int)),
    "a vertex that does not exist": lambda random: (random.uniform(-0.4, 0.4, (3, 3)), np.array([[0, 1, 3]])),
    "not finite": lambda random: (np.full((3, 3), np.nan), np.array([[0, 1, 2]])),
    "points": lambda random: (random.uniform(-0.4, 0.4, (9, 2)), np.array([[0, 1, 2]])),
}


@pytest.mark.parametrize("name", SOUPS)
def test_what_has_no_inside_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(NotRepairableError, match=r"\w+ \w+"):
        repair_watertight(*SOUPS[name](np.random.default_rng(1)))


def test_a_repair_that_moves_the_surface_too_far_is_refused_with_the_distance() -> None:
    vertices, faces = sphere(0.3, 2)
    sheet = np.array([[0.1, 0.45, 0], [0.0, 0.45, 0.0], [0, 0.45, 0.1]])  # small, but far from what is kept
    hole = np.arange(len(faces)) == 0
    with pytest.raises(NotRepairableError, match="the surface would move by"):
        repair_watertight(*together((vertices, faces[~hole]), (sheet, np.array([[0, 1, 2]]))))


@pytest.mark.parametrize("seed", range(8))
def test_random_degenerate_input_is_closed_or_refused(seed: int) -> None:
    random = np.random.default_rng(seed)
    vertices = random.uniform(-0.4, 0.4, (12, 3)).round(1)
    faces = random.integers(0, 12, (random.integers(1, 40), 3))
    try:
        repair = repair_watertight(vertices, faces)
    except NotRepairableError:
        return
    checked(repair)


def test_a_repair_is_the_same_every_time() -> None:
    vertices, faces = sphere(0.3, 3)
    torn = faces[vertices[faces].mean(axis=1)[:, 0] < 0.25]
    first, second = repair_watertight(vertices, torn), repair_watertight(vertices, torn)
    assert np.array_equal(first.mesh.vertices, second.mesh.vertices)


def test_rims_are_followed_in_the_direction_of_their_triangles() -> None:
    faces = box()[1]
    loops = boundary_loops(faces[2:])
    rim = [edge for f in faces[2:].tolist() for edge in ((f[0], f[1]), (f[1], f[2]), (f[2], f[0]))]
    rim = [edge for edge in rim if edge[::-1] not in rim]
    assert [sorted(zip(loop, np.roll(loop, -1), strict=True)) for loop in loops] == [sorted(rim)]


@pytest.mark.parametrize("corners", [3, 4, 5, 40])
def test_a_cap_closes_a_rim_of_any_length(corners: int) -> None:
    cone = trimesh.creation.cone(0.2, 0.3, sections=corners)
    walls = cone.face_normals[:, 2] > -0.5
    vertices, faces = np.asarray(cone.vertices), np.asarray(cone.faces)[walls]
    (loop,) = boundary_loops(faces)
    points, cap = cap_hole(vertices, faces, loop)
    closed = np.concatenate((faces, cap))
    assert defects(closed) == ""
    assert np.isfinite(points).all()


def test_edge_uses_equal_counting_by_hand() -> None:
    random = np.random.default_rng(3)
    faces = random.permuted(np.tile(np.arange(6), (25, 1)), axis=1)[:, :3]
    edges = [(int(f[i]), int(f[(i + 1) % 3])) for i in range(3) for f in faces]
    counts, balance = edge_uses(faces)
    for edge, count, surplus in zip(edges, counts, balance, strict=True):
        along, against = edges.count(edge), edges.count(edge[::-1])
        assert count == along + against
        assert abs(surplus) == abs(along - against)


def test_parts_share_no_vertices() -> None:
    faces = together(box(), box((0.5, 0, 0)), box((0, 0.5, 0)))[1]
    assert np.array_equal(part_of_faces(faces), np.repeat([0, 1, 2], 12))


def scattered(shape: Arrays, places: np.ndarray) -> Arrays:
    return together(*((shape[0] + place, shape[1]) for place in places))


def test_each_of_many_parts_is_inside_outside_or_across_as_if_it_were_alone() -> None:
    places = np.array([[x, y, z] for x in range(-4, 5) for y in range(-4, 5) for z in range(-2, 3)]) * 0.11
    repair = repair_watertight(*together(sphere(0.3, 3), scattered(sphere(0.02, 1), places)))
    far = np.linalg.norm(places, axis=1)
    inside, across = int((far < 0.28).sum()), int((np.abs(far - 0.3) < 0.019).sum())
    assert across > 0 and (np.abs(np.abs(far - 0.3) - 0.02) > 1e-3).all()
    assert f"dropped {inside} parts inside others" in repair.steps
    assert part_of_faces(repair.mesh.faces).max() + 1 == len(places) + 1 - inside - across
    assert repair.distance_95 < 1e-6


def test_many_small_parts_do_not_each_search_the_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        asked.append(len(faces))
        return winding_number(points, vertices, faces)

    monkeypatch.setattr("engine.geometry.repair.repair.winding_number", counting)
    monkeypatch.setattr("engine.geometry.repair.repair.is_inside", lambda *mesh: counting(*mesh) > 0.5)
    places = np.random.default_rng(0).uniform(-0.25, 0.25, (40, 3)) * [1, 1, 0.1] + [0, 0, 0.4]
    large = sphere(0.3, 4)
    repair_watertight(*together(large, scattered(sphere(0.01, 1), places)))
    assert sum(count >= len(large[1]) for count in asked) <= 4


def test_many_fins_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    import igl

    calls: list[int] = []
    occlusion = igl.ambient_occlusion

    def counting(*arguments: object) -> object:
        calls.append(1)
        return occlusion(*arguments)

    monkeypatch.setattr(igl, "ambient_occlusion", counting)
    vertices, faces = sphere()
    chosen = np.arange(0, len(faces), len(faces) // 60)
    tips = vertices[faces[chosen, 0]] * 1.2
    fins = np.stack([faces[chosen, 0], faces[chosen, 1], len(vertices) + np.arange(len(chosen))], axis=1)
    pierced = np.delete(faces, 7, axis=0)  # the sphere is loose too, and must not be dropped in place of a fin
    repair = repair_watertight(np.concatenate((vertices, tips)), np.concatenate((pierced, fins)))
    assert f"dropped {len(fins)} triangles of flaps" in repair.steps
    assert signed_volume(repair.mesh.vertices, repair.mesh.faces) == pytest.approx(
        signed_volume(vertices, faces), rel=0.01
    )
    assert len(calls) <= 4
