import numpy as np
from numpy.typing import NDArray

def backproject_depth(
    depth: NDArray[np.float32], fx: float, fy: float, cx: float, cy: float
) -> NDArray[np.float32]: ...
def depth_normals(points: NDArray[np.float32], eps: float = ...) -> NDArray[np.float32]: ...
def triangulate_depth(
    points: NDArray[np.float32], max_edge: float
) -> tuple[NDArray[np.float32], NDArray[np.int32]]: ...
def pca_normals(points: NDArray[np.float32], window: int = ..., max_distance: float = ...) -> NDArray[np.float32]: ...
def validity_and_sign(
    points: NDArray[np.float32],
    mask: NDArray[np.bool_],
    depth: NDArray[np.float32],
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    truncation: float,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]: ...
def thread_count() -> int: ...
