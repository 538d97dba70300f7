import numpy as np
import pytest
import torch

from engine.geometry import ray_casting
from engine.geometry.camera import PinholeCamera
from engine.geometry.ray_casting import BatchDepthRenderer, render_depth
from tests.support.npms_tree import ball, bent

CAMERA = PinholeCamera(40, 30, 36.0, 36.0, 20.0, 15.0)


def batch(amounts: list[float]) -> tuple[list[torch.Tensor], list[torch.Tensor], np.ndarray]:
    """Bent balls of two topologies by turns, in half precision, and a camera pose for each."""
    faces, vertices, poses = [], [], []
    for number, amount in enumerate(amounts):
        points, _ = ball(0.3, *SIZES[number % 2])
        vertices.append(torch.tensor(bent(points, amount)).half())
        faces.append(FACES[number % 2])
        poses.append(np.diag([1.0, -1.0, -1.0, 1.0]))
        poses[-1][:3, 3] = (0.1 * number, 0.0, 1.2 + amount)
    return vertices, faces, np.stack(poses)


SIZES = (8, 12), (6, 10)
FACES = [torch.from_numpy(np.asarray(ball(0.3, *size)[1], np.int64)) for size in SIZES]


@pytest.mark.parametrize("kept", [1024, 0])
def test_a_batch_of_meshes_looks_as_they_do_one_by_one(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_casting, "_MESHES_KEPT", kept)
    renderer = BatchDepthRenderer(CAMERA)
    for amounts in ([0.0, 0.1, 0.2, 0.3, 0.4], [0.5, 0.4], [0.1, 0.3, 0.2, 0.0, 0.5, 0.6]):
        vertices, faces, poses = batch(amounts)
        images = renderer.render(vertices, faces, poses)
        assert images.shape == (len(amounts), 30, 40)
        for image, points, triangles, pose in zip(images, vertices, faces, poses, strict=True):
            expected = render_depth(points.float().numpy(), triangles.numpy(), CAMERA, pose)
            assert 20 < (expected > 0).sum() < expected.size
            np.testing.assert_allclose(image, expected, atol=1e-6)
