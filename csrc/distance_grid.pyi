import numpy as np
from numpy.typing import ArrayLike, NDArray

def nearest_distance_grid(points: ArrayLike, axis: ArrayLike) -> NDArray[np.float32]: ...
