"""What a track shows of a frame."""

import numpy as np

from engine.geometry.camera import PinholeCamera
from engine.geometry.signed_distance import unsigned_distance
from engine.sequences.depth_source import DepthFrame
from engine.surface.extract import extract_surface, pose_vertices
from engine.tracking.tracker import TrackedFrame
from npm_studio.session.live.tracked_mesh import TrackedMesher, around, seen_points
from tests.support.present import present
from tests.support.toy_model import toy_model

CAMERA = PinholeCamera(40, 30, 40.0, 40.0, 20.0, 15.0)
MODEL = toy_model()


def told(version: int, identity: int = 0, pose: int = 0) -> TrackedFrame:
    place = np.eye(4)
    place[:3, 3] = 0.5, 0.0, -1.0
    codes = present(MODEL.pose_codes)[pose].numpy(), MODEL.shape_codes[identity].numpy()
    return TrackedFrame("0", 0.0, np.eye(4), place, *codes, version, 0.9, False, False, 0, 0.01)


def test_a_mesh_is_the_posed_surface_where_the_subject_is() -> None:
    frame = told(1, pose=1)
    mesh = present(TrackedMesher(MODEL)(frame))
    code = MODEL.shape_codes[0]
    exact = extract_surface(MODEL, code, 128)
    posed = pose_vertices(MODEL, code, present(MODEL.pose_codes)[1], exact.vertices)
    expected = MODEL.info.similarity.to_world(posed) + frame.subject_to_world[:3, 3].astype(np.float32)
    apart = unsigned_distance(mesh.vertices, expected, exact.faces)  # metres, of vertices that anchors carry along
    assert np.quantile(apart, 0.99) < 0.01 and apart.max() < 0.02, (np.quantile(apart, 0.99), apart.max())
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)


def test_triangles_stay_until_the_shape_changes_and_nobody_has_none() -> None:
    mesher = TrackedMesher(MODEL)
    assert mesher(told(0)) is None
    first, second = present(mesher(told(1))), present(mesher(told(1, pose=1)))
    assert first.faces is second.faces
    assert not np.array_equal(first.vertices, second.vertices)
    assert present(mesher(told(2, identity=1))).faces is not first.faces


def test_points_around_the_mesh_are_kept_apart_from_the_room() -> None:
    mesh = present(TrackedMesher(MODEL)(told(1)))
    box = around(mesh, MODEL)
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[:3, 3] = *box.mean(axis=0)[:2], box[1, 2] + 1.0
    depth = np.full((30, 40), 6.0, np.float32)
    depth[13:17, 18:22] = pose[2, 3] - box.mean(axis=0)[2]
    frame = DepthFrame("0", 0.0, depth, pose)
    seen = seen_points(frame, CAMERA, pose, box)
    assert (len(seen.points_world), len(seen.removed_world)) == (16, 30 * 40 - 16)
    np.testing.assert_allclose(seen.depth_m, depth[14, 20])
    assert ((seen.points_world >= box[0]) & (seen.points_world <= box[1])).all()
    whole = seen_points(frame, CAMERA, pose, None)
    assert (len(whole.points_world), len(whole.removed_world)) == (30 * 40, 0)


def test_of_large_images_the_subject_keeps_its_points() -> None:
    camera = PinholeCamera(640, 480, 500.0, 500.0, 320.0, 240.0)
    depth = np.full((480, 640), 4.0, np.float32)
    depth[200:280, 280:360] = 2.0
    box = np.array([[-0.3, -0.3, 1.7], [0.3, 0.3, 2.3]], np.float32)
    seen = seen_points(DepthFrame("0", 0.0, depth, None), camera, np.eye(4), box)
    assert len(seen.points_world) == 80 * 80
    assert len(seen.removed_world) < 41_000
