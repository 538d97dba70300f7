"""Samples of the canonical surface."""

import torch

from engine.methods.npm import surface_samples
from engine.methods.npm.surface_samples import sums_at_vertices

VERTICES, TRIANGLES = 60, 400


def random_faces() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    faces = torch.randint(0, VERTICES, (TRIANGLES, 3), generator=generator)
    return faces, torch.randn(2, TRIANGLES, 3, generator=generator) * 1e-3


def test_sums_at_vertices_are_those_of_the_triangles_around_them() -> None:
    faces, values = random_faces()
    expected = torch.zeros(2, VERTICES, 3)
    for triangle, corners in enumerate(faces.tolist()):
        for vertex in corners:
            expected[:, vertex] += values[:, triangle]

    for found in (sums_at_vertices(values, faces, VERTICES), surface_samples._exact_sums(values, faces, VERTICES)):
        torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-5)


def test_sums_in_whole_numbers_do_not_depend_on_the_order_of_the_triangles() -> None:
    faces, values = random_faces()
    order = torch.randperm(TRIANGLES, generator=torch.Generator().manual_seed(1))

    one = surface_samples._exact_sums(values, faces, VERTICES)
    other = surface_samples._exact_sums(values[:, order], faces[order], VERTICES)

    assert torch.equal(one, other)
