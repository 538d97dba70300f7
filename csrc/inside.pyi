import numpy as np
from numpy.typing import ArrayLike, NDArray

def inside_parity(points: ArrayLike, triangles: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]: ...
