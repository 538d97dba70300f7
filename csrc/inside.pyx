# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True
"""Inside test by counting crossings along z; ``inside_numpy.py`` defines what it computes.

Triangles are filed by the cells of a square lattice over the x-y plane that their bounding boxes cover, so that a
point looks only at those of its own cell.
"""

import numpy as np

from cython.parallel cimport prange
from libc.math cimport isfinite


def inside_parity(points, triangles):
    """Whether each of ``points`` (N, 3) is inside the surface of ``triangles`` (T, 3, 3), and whether that is in doubt.

    Returns ``inside`` (N,) bool, an odd number of triangles above (+z) and below, and ``hole`` (N,) bool, where only
    one of the two numbers is odd: the line through the point leaves the surface through a hole. A point that is not
    finite is outside.

    Raises:
        ValueError: wrong shapes, or triangles that are not finite.
    """
    points, triangles = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(triangles, np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"points must be (N, 3), are {points.shape}")
    if triangles.ndim != 3 or triangles.shape[1:] != (3, 3):
        raise ValueError(f"triangles must be (T, 3, 3), are {triangles.shape}")
    if not np.isfinite(triangles).all():
        raise ValueError("triangles must be finite")
    inside, hole = np.zeros(len(points), bool), np.zeros(len(points), bool)
    if len(points) == 0 or len(triangles) == 0:
        return inside, hole
    first, last = triangles[:, :, :2].min(axis=1), triangles[:, :, :2].max(axis=1)  # (T, 2)
    origin = first.min(axis=0)
    extent = np.maximum(last.max(axis=0) - origin, 1e-300)
    side = int(np.clip(np.sqrt(2.0 * len(triangles)), 1, 1024))
    while True:  # fewer cells where large triangles would fill too many of them
        low = np.clip((first - origin) / extent * side, 0, side - 1).astype(np.int32)
        high = np.clip((last - origin) / extent * side, 0, side - 1).astype(np.int32)
        entries = int((high - low + 1).astype(np.int64).prod(axis=1).sum())
        if entries <= 16 * len(triangles) or side == 1:
            break
        side //= 2
    start = np.zeros(side * side + 2, np.int64)
    filed = np.empty(entries, np.int32)
    cdef const int[:, ::1] low_view = low, high_view = high
    cdef long long[::1] start_view = start
    cdef int[::1] filed_view = filed
    _file(low_view, high_view, side, start_view, filed_view)
    cdef const double[:, ::1] point_view = points
    cdef const double[:, :, ::1] corner_view = triangles
    cdef unsigned char[::1] inside_view = inside.view(np.uint8), hole_view = hole.view(np.uint8)
    cdef double x0 = origin[0], y0 = origin[1], x_extent = extent[0], y_extent = extent[1]
    cdef Py_ssize_t i
    cdef int parities, cells = side
    with nogil:
        for i in prange(point_view.shape[0], schedule="dynamic", chunksize=1024):
            parities = _parities(
                &point_view[i, 0], (point_view[i, 0] - x0) / x_extent, (point_view[i, 1] - y0) / y_extent, cells,
                start_view, filed_view, corner_view,
            )
            inside_view[i] = parities == 3
            hole_view[i] = parities == 1 or parities == 2
    return inside, hole


cdef void _file(
    const int[:, ::1] low, const int[:, ::1] high, int side, long long[::1] start, int[::1] filed
) noexcept nogil:
    """Counting sort of the triangles by cell: those of cell c become ``filed[start[c]:start[c + 1]]``."""
    cdef Py_ssize_t t, cell
    cdef int x, y
    for t in range(low.shape[0]):
        for x in range(low[t, 0], high[t, 0] + 1):
            for y in range(low[t, 1], high[t, 1] + 1):
                start[x * side + y + 2] += 1
    for cell in range(2, start.shape[0]):
        start[cell] += start[cell - 1]
    for t in range(low.shape[0]):
        for x in range(low[t, 0], high[t, 0] + 1):
            for y in range(low[t, 1], high[t, 1] + 1):
                filed[start[x * side + y + 1]] = t
                start[x * side + y + 1] += 1


cdef int _parities(
    const double* point, double u, double v, int side, const long long[::1] start, const int[::1] filed,
    const double[:, :, ::1] corners,
) noexcept nogil:
    """Bit 0: an odd number of triangles is above ``point``; bit 1: below. ``u`` and ``v`` place it in the lattice."""
    cdef Py_ssize_t entry, cell
    cdef int parities = 0, side_of_plane
    if not (u >= 0 and u <= 1 and v >= 0 and v <= 1 and isfinite(point[2])):
        return 0
    cell = min(<int> (u * side), side - 1) * side + min(<int> (v * side), side - 1)
    for entry in range(start[cell], start[cell + 1]):
        side_of_plane = _crossing(point, &corners[filed[entry], 0, 0])
        if side_of_plane > 0:
            parities ^= 1
        elif side_of_plane < 0:
            parities ^= 2
    return parities


cdef inline bint _passes(double px, double py, const double* a, const double* b) noexcept nogil:
    """Whether the ray from (px, py) along +x crosses the edge a-b, its lower end included, its upper end not.

    The edge is walked upwards whichever way it is given, so that both of its triangles round alike and a line
    through it crosses exactly one of them.
    """
    if (a[1] > py) == (b[1] > py):
        return False
    if a[1] > b[1]:
        a, b = b, a
    return (px - a[0]) * (b[1] - a[1]) < (b[0] - a[0]) * (py - a[1])


cdef inline int _crossing(const double* p, const double* t) noexcept nogil:
    """1 if the line through ``p`` along z crosses triangle ``t`` (3, 3) at or above ``p``, -1 if below, else 0."""
    cdef double ax, ay, az, bx, by, bz, nx, ny, nz, height
    if not (_passes(p[0], p[1], t, t + 3) ^ _passes(p[0], p[1], t + 3, t + 6) ^ _passes(p[0], p[1], t + 6, t)):
        return 0
    ax, ay, az = t[3] - t[0], t[4] - t[1], t[5] - t[2]
    bx, by, bz = t[6] - t[0], t[7] - t[1], t[8] - t[2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    height = nx * (p[0] - t[0]) + ny * (p[1] - t[1]) + nz * (p[2] - t[2])
    if nz < 0:
        height = -height
    return -1 if height > 0 else 1
