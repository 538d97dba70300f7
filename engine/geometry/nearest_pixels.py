"""The nearest pixel of a mask from every pixel of an image, as tensors: on a GPU without a wait for it."""

import torch
from torch import Tensor


def nearest_pixels(mask: Tensor) -> Tensor:
    """Flat index (H, W) int32 of the pixel of ``mask`` (H, W) bool that is nearest to each one; 0 where it has none.

    First along columns, by running maxima; then along rows, among the nearest of all columns, which is exact (as in
    Felzenszwalb and Huttenlocher, 2012).
    """
    assert mask.ndim == 2, mask.shape
    height, width = mask.shape
    far = 4 * (height + width)
    row = torch.arange(height, device=mask.device)[:, None].expand(-1, width)
    above = torch.where(mask, row, -far).cummax(0).values
    below = torch.where(mask, row, far).flip(0).cummin(0).values.flip(0)
    nearest = torch.where(row - above <= below - row, above, below)
    squared = (nearest - row).float().square()  # (H, W), of the nearest one in the same column
    column = torch.arange(width, device=mask.device, dtype=torch.float32)
    across = (column[:, None] - column).square()  # (W, W), from each column to each other
    chosen = (squared[:, None] + across).argmin(2)  # (H, W): of the columns
    index = nearest.gather(1, chosen) * width + chosen
    return torch.where(mask.any(), index, 0).int()
