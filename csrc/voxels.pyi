import numpy as np
from numpy.typing import ArrayLike, NDArray

def voxelise_surface(triangles: ArrayLike, resolution: int) -> NDArray[np.bool_]: ...
