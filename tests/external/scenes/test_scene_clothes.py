"""Loose clothes: how far they are from the skin, and where they are not."""

import numpy as np

from external.scenes.clothes import cloth_offsets, clothed, covered, dark_cloth
from external.scenes.plan import ScenePlan
from external.scenes.recording import truth_of
from external.scenes.scene import Person, make_scene


def test_clothes_are_smooth_between_skin_and_their_most_and_leave_head_hands_and_feet_bare(
    people: dict[str, Person],
) -> None:
    rig, body = people["adult"].rig, people["adult"].body
    offsets = cloth_offsets(rig, body, 0.025, np.random.default_rng(1))
    assert offsets.min() == 0 and 0.022 < offsets.max() <= 0.025
    assert 0.005 < offsets[covered(rig) > 0.9].mean() < 0.02
    names = np.array(rig.bone_names)[rig.weights.argmax(axis=1)]
    bare = np.array([name.startswith(("head", "foot", "finger")) for name in names])
    assert not offsets[bare].any()
    edges = rig.faces[:, [0, 1]]
    lengths = np.linalg.norm(body.vertices[edges[:, 0]] - body.vertices[edges[:, 1]], axis=1)
    steps = np.abs(offsets[edges[:, 0]] - offsets[edges[:, 1]])
    assert np.quantile(steps / np.maximum(lengths, 0.005), 0.999) < 0.8


def test_the_same_cloth_is_as_far_from_the_skin_in_every_frame(people: dict[str, Person]) -> None:
    plan = ScenePlan("walk-towards", seed=4, frames=3, fps=3.0, clothes_mm=25.0)
    scene = make_scene(plan, [people["adult"]])
    bare = make_scene(ScenePlan("walk-towards", seed=4, frames=3, fps=3.0), [people["adult"]])
    for frame in range(3):
        away = np.linalg.norm(scene.vertices(0, frame) - bare.vertices(0, frame), axis=1)
        np.testing.assert_allclose(away, scene.clothes[0], atol=1e-5)
    dressed, naked = (truth_of(s, 0, ("0", "1", "2")) for s in (scene, bare))
    assert dressed.canonical is not None and naked.canonical is not None
    np.testing.assert_array_equal(dressed.canonical, naked.canonical)
    assert not np.array_equal(dressed.meshes.read(0).vertices, naked.meshes.read(0).vertices)


def test_cloth_lies_outside(people: dict[str, Person]) -> None:
    import igl

    rig, body = people["child"].rig, people["child"].body
    skin = body.vertices.astype(np.float32)
    offsets = cloth_offsets(rig, body, 0.02, np.random.default_rng(2))
    outer = clothed(rig, skin, offsets)[offsets > 0.004]
    winding = igl.fast_winding_number(body.vertices, rig.faces.astype(np.int64), outer.astype(np.float64))
    assert (np.asarray(winding) < 0.5).mean() > 0.97


def test_dark_cloth_is_worn_by_some_and_covers_a_part(people: dict[str, Person]) -> None:
    parts = [dark_cloth(people["adult"].rig, np.random.default_rng(seed)).mean() for seed in range(12)]
    assert min(parts) == 0
    assert 0.1 < max(parts) < 0.6
