"""The faces of Anny bodies: eye sockets and mouth are closed, for whoever it is."""

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from engine.core.errors import InputError
from external.anny.cavities import cavity_masks, close_cavities
from external.anny.rig import AnnyModel, RestBody

MEAN = {"gender": 0.5, "age": 0.67, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}
PEOPLE = (
    MEAN,
    MEAN | {"age": 0.3, "height": 0.2},
    MEAN | {"gender": 0.0, "weight": 1.0},
    MEAN | {"gender": 1.0, "age": 1.0, "weight": 0.9, "muscle": 0.1},
    MEAN | {"age": 0.9, "weight": 0.0},
)


@pytest.fixture(scope="module")
def model() -> AnnyModel:
    return AnnyModel()


@pytest.fixture(scope="module")
def people(model: AnnyModel) -> list[RestBody]:
    return model.rest_bodies(PEOPLE)


def whole_mesh(model: AnnyModel, phenotype: dict[str, float]) -> np.ndarray:
    """All of Anny's vertices (N, 3) in our axes, those of eyes, teeth and tongue among them."""
    import torch

    anny = model._model
    columns = {name: torch.tensor([value], dtype=torch.float64) for name, value in phenotype.items()}
    rest = anny.get_rest_model(anny.get_phenotype_blendshape_coefficients(**columns))["rest_vertices"][0]
    return rest.numpy() @ model._axes.T


def test_all_people_are_one_closed_outward_surface_without_slivers(model: AnnyModel, people: list[RestBody]) -> None:
    for body in people:
        mesh = trimesh.Trimesh(body.vertices, model.rig.faces, process=False)
        assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
        assert mesh.euler_number == 2 and mesh.body_count == 1
        assert mesh.area_faces.min() > 2e-8  # square metres
        assert len(np.unique(model.rig.faces)) == len(body.vertices) == len(model.rig.weights)
    np.testing.assert_allclose(model.rig.weights.sum(axis=1), 1, atol=1e-6)


def test_eyes_teeth_and_tongue_lie_inside(model: AnnyModel, people: list[RestBody]) -> None:
    import igl

    for phenotype, body in zip(PEOPLE, people, strict=True):
        others = np.delete(whole_mesh(model, phenotype), model._body, axis=0)
        assert len(others) > 1000
        winding = igl.fast_winding_number(body.vertices, model.rig.faces.astype(np.int64), others)
        assert np.mean(np.asarray(winding) > 0.5) > 0.99


def front_of(triangles: NDArray[np.float64], x: float, y: float) -> float:
    """z of the foremost point of ``triangles`` (T, 3, 3) at x and y; there must be one."""
    a, b, c = (triangles[:, corner] - (x, y, 0) for corner in range(3))
    weights = np.stack([p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0] for p, q in ((b, c), (c, a), (a, b))], axis=1)
    met = np.all(weights >= 0, axis=1) & (weights.sum(axis=1) > 0)  # those that face the front
    return float(((weights[met] / weights[met].sum(axis=1, keepdims=True)) * triangles[met, :, 2]).sum(axis=1).max())


@pytest.mark.slow
def test_eyes_and_mouth_are_as_shallow_as_lids_and_lips(model: AnnyModel, people: list[RestBody]) -> None:
    for body in people:
        eyes = body.bone_heads[[model.rig.bone("eye.L"), model.rig.bone("eye.R")]]
        apart = eyes[0, 0] - eyes[1, 0]
        mouth = eyes.mean(axis=0) - [0, 1.15 * apart, 0]
        for middle, half_height in ((eyes[0], 0.2), (eyes[1], 0.2), (mouth, 0.25)):
            heights = middle[1] + apart * np.linspace(-half_height, half_height, 81)
            x = middle[0] + 1e-5  # off the edges in the middle
            fronts = [front_of(body.vertices[model.rig.faces], x, height) for height in heights]
            assert np.ptp(fronts) < 0.22 * apart  # 14 mm in adults; the sockets alone are 34 mm deep


def test_a_mesh_of_another_kind_is_refused(model: AnnyModel) -> None:
    faces = model._model.get_triangular_faces().numpy()
    assert all(mask.any() for mask in cavity_masks(model._model, faces))
    with pytest.raises(InputError, match=r"the body model Anny: has no eye_cavity\.L as expected; install"):
        cavity_masks(model._model, faces[:-1])


def test_what_is_cut_off_is_closed_by_a_strip_of_the_same_sense() -> None:
    ball = trimesh.creation.uv_sphere(count=[24, 24])
    masks = [ball.triangles_center[:, 2] > 0.9, ball.triangles_center[:, 2] < -0.8]
    faces = close_cavities(ball.vertices, ball.faces, masks)
    closed = trimesh.Trimesh(ball.vertices, faces, process=False)
    assert closed.is_watertight and closed.is_winding_consistent and closed.euler_number == 2
    assert 0.9 * ball.volume < closed.volume < ball.volume
    assert closed.vertices[np.unique(faces)][:, 2].max() < 0.95
    assert closed.face_normals[closed.triangles_center[:, 2] > 0.85][:, 2].min() > 0.5
