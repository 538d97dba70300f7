"""Planes and boxes in closed form, against the same things cast ray by ray and as meshes."""

import math

import numpy as np
import torch

from engine.geometry.group_casting import cast_groups
from engine.geometry.room_casting import cast_boxes, cast_plane
from tests.support.surfaces import block, sphere


def random_rays(batch: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    origins = 2 * torch.rand((batch, 3), generator=generator) - 1
    return origins, torch.randn((batch, 7, 9, 3), generator=generator)


def test_rays_meet_a_plane_where_their_points_lie_in_it() -> None:
    generator = torch.Generator().manual_seed(0)
    origins, directions = random_rays(5, generator)
    points, normals = torch.randn((2, 5, 3), generator=generator)
    distance = cast_plane(origins, directions, points, normals)
    assert distance.shape == (5, 7, 9) and 0.2 < torch.isfinite(distance).float().mean() < 0.8
    for (image, row, column), t in np.ndenumerate(distance.numpy()):
        ray, normal = directions[image, row, column].double(), normals[image].double()
        expected = float((points[image] - origins[image]).double() @ normal) / float(ray @ normal)
        if expected > 0:
            assert math.isclose(t, expected, rel_tol=1e-3)
        else:
            assert math.isinf(t)


def test_a_ray_along_a_plane_never_meets_it() -> None:
    up, rays = torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[[[1.0, 0.0, 0.0]]]])
    for height in (0.0, 1.0):
        assert torch.isinf(cast_plane(height * up, rays, torch.zeros(1, 3), up)).all()


def slow_box(origin: np.ndarray, ray: np.ndarray, centre: np.ndarray, half: np.ndarray, heading: float) -> float:
    """The nearest of the six faces that the ray meets, tried one after the other."""
    if min(half) <= 0:
        return math.inf
    cosine, sine = math.cos(heading), math.sin(heading)
    axes = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])  # rows: sides of the box in the world
    start, step = axes @ (origin - centre), axes @ ray
    if (np.abs(start) < half).all():
        return math.inf
    best = math.inf
    for axis in range(3):
        for side in (-half[axis], half[axis]):
            t = (side - start[axis]) / step[axis]
            others = [other for other in range(3) if other != axis]
            if t > 0 and all(abs(start[other] + t * step[other]) <= half[other] for other in others):
                best = min(best, t)
    return best


def test_rays_enter_boxes_where_a_slow_twin_says() -> None:
    generator = torch.Generator().manual_seed(1)
    origins, directions = random_rays(6, generator)
    centres = 2 * torch.randn((6, 3, 3), generator=generator)
    halves = torch.rand((6, 3, 3), generator=generator) + 0.2
    halves[:, 2] *= (torch.arange(6) % 2)[:, None]  # some are not there
    centres[0, 0] = origins[0]  # begun in
    headings = 6 * torch.rand((6, 3), generator=generator)
    found = cast_boxes(origins, directions, centres, halves, headings)
    assert 0.05 < torch.isfinite(found).float().mean() < 0.9
    for (image, row, column), t in np.ndenumerate(found.numpy()):
        arguments = (part[image].double().numpy() for part in (centres, halves, headings))
        origin, ray = origins[image].double().numpy(), directions[image, row, column].double().numpy()
        expected = min(slow_box(origin, ray, *box) for box in zip(*arguments, strict=True))
        assert math.isinf(t) if math.isinf(expected) else math.isclose(t, expected, rel_tol=1e-4)


def test_each_image_sees_the_triangles_of_its_own_alone() -> None:
    """Two bodies in one place, a sphere and a box, each seen by one image; a third image sees both."""
    ball, crate = sphere(0.5, detail=3), block((-0.3, -0.3, -0.3), (0.4, 0.3, 0.3))
    shapes = [[ball], [crate], [ball, crate]]
    vertices: list[torch.Tensor] = []
    faces, images = [], []
    for image, bodies in enumerate(shapes):
        for points, triangles in bodies:
            faces.append(torch.from_numpy(triangles).long() + sum(len(part) for part in vertices))
            images.append(torch.full((len(triangles),), image))
            vertices.append(torch.from_numpy(points))
    generator = torch.Generator().manual_seed(2)
    origins = torch.tensor([[0.0, 0.0, 3.0], [3.0, 0.1, 0.0], [0.0, 2.0, 2.0]])
    directions = 0.12 * torch.randn((3, 12, 15, 3), generator=generator) - origins[:, None, None] / 3
    hits = cast_groups(torch.cat(vertices), torch.cat(faces), torch.cat(images), origins, directions)
    assert hits.depth_m.shape == (3, 12, 15)
    struck = hits.face >= 0
    assert torch.equal(struck, hits.depth_m > 0) and 0.2 < struck.float().mean() < 1
    assert torch.equal(torch.cat(images)[hits.face[struck].long()], struck.nonzero()[:, 0])
    corners = torch.cat(vertices)[torch.cat(faces)[hits.face[struck].long()]]
    weights = torch.cat((hits.barycentric, 1 - hits.barycentric.sum(-1, keepdim=True)), -1)[struck]
    where = origins[struck.nonzero()[:, 0]] + hits.depth_m[struck][:, None] * directions[struck]
    torch.testing.assert_close((corners * weights[..., None]).sum(1), where, atol=1e-5, rtol=0)
    centres, halves = (torch.tensor([[side]] * 3) for side in ([0.05, 0.0, 0.0], [0.35, 0.3, 0.3]))
    box = cast_boxes(origins, directions, centres, halves, torch.zeros(3, 1))
    crate_alone = torch.where(torch.isinf(box[1]), 0.0, box[1])
    torch.testing.assert_close(hits.depth_m[1], crate_alone, atol=1e-5, rtol=0)
    assert (hits.depth_m[2][struck[2]] <= box[2][struck[2]] + 1e-5).all()
