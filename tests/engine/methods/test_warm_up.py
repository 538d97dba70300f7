"""What a first fit of a process loads beforehand."""

import numpy as np

from engine.geometry.similarity import Similarity
from engine.methods.npm.warm_up import FRAMES, ellipsoid


def test_the_figure_is_an_ellipsoid_of_the_size_of_the_subjects_that_faces_the_camera() -> None:
    similarity = Similarity(scale=0.5, centre=(0.0, 0.9, 0.2))

    sequence = ellipsoid(similarity)
    seen = similarity.to_canonical(sequence.points_world(FRAMES - 1))

    np.testing.assert_allclose(((seen / [0.12, 0.4, 0.1]) ** 2).sum(1), 1.0, atol=1e-4)
    assert seen[:, 1].min() < -0.35
    assert seen[:, 1].max() > 0.35
    assert (seen[:, 2] > 0).all()
