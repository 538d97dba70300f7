"""The nearest pixel of a mask."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from engine.geometry.nearest_pixels import nearest_pixels


def test_each_pixel_finds_the_nearest_one_of_the_mask() -> None:
    mask = np.random.default_rng(0).random((31, 47)) > 0.97
    found = nearest_pixels(torch.from_numpy(mask)).numpy()
    row, column = np.divmod(found, 47)
    assert mask[row, column].all()
    own_row, own_column = np.indices(mask.shape)
    distance = np.hypot(row - own_row, column - own_column)
    np.testing.assert_allclose(distance, distance_transform_edt(~mask), atol=1e-5)


def test_an_empty_mask_gives_the_first_pixel() -> None:
    assert not nearest_pixels(torch.zeros((4, 5), dtype=torch.bool)).any()
