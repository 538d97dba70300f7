# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True
"""Voxels that the triangles of a mesh pass through; ``voxels_numpy.py`` defines which."""

import numpy as np

from cython.parallel cimport prange
from libc.math cimport fabs, floor

cdef enum:
    AXES = 10  # normal of the triangle, and the products of its edges with the axes of the box


def voxelise_surface(triangles, int resolution):
    """Cells (N, N, N) bool, index order x, y, z, of the cube [0, N]^3 that overlap one of ``triangles`` (T, 3, 3).

    A triangle and a cell overlap unless one of the 13 axes of Akenine-Moller 2001 separates them; touching counts,
    but a triangle that lies in the face between two cells belongs to the upper one only. Parts outside the cube are
    ignored.

    Raises:
        ValueError: wrong shape, a coordinate that is not finite, or a resolution outside 1 to 2048.
    """
    triangles = np.ascontiguousarray(triangles, np.float64)
    if triangles.ndim != 3 or triangles.shape[1:] != (3, 3):
        raise ValueError(f"triangles must be (T, 3, 3), are {triangles.shape}")
    if not np.isfinite(triangles).all():
        raise ValueError("triangles must be finite")
    if not 1 <= resolution <= 2048:
        raise ValueError(f"resolution must be 1 to 2048, is {resolution}")
    occupied = np.zeros((resolution, resolution, resolution), np.uint8)
    if len(triangles) == 0:
        return occupied.view(bool)
    cdef const double[:, :, ::1] corners = triangles
    cdef unsigned char[:, :, ::1] out = occupied
    # Each thread fills its own slabs and passes over the triangles elsewhere, so no two write to one cell.
    cdef int slabs = min(resolution, 32), slab
    cdef Py_ssize_t t
    with nogil:
        for slab in prange(slabs, schedule="dynamic"):
            for t in range(corners.shape[0]):
                _mark(&corners[t, 0, 0], slab * resolution // slabs, (slab + 1) * resolution // slabs, out)
    return occupied.view(bool)


cdef inline int _cell(double x, int low, int high) noexcept nogil:
    """Cell of coordinate ``x``, moved into [low, high]; safe for numbers that no int can hold."""
    return low if x < low else high if x >= high + 1 else <int> floor(x)


cdef void _mark(const double* v, int start, int stop, unsigned char[:, :, ::1] out) noexcept nogil:
    """Mark the cells of the triangle with corners ``v`` (3, 3) whose x index is in [start, stop)."""
    cdef int resolution = out.shape[0], axis, corner, i, j, k, e
    cdef double low[3]
    cdef double high[3]
    for axis in range(3):
        low[axis] = min(v[axis], min(v[3 + axis], v[6 + axis]))
        high[axis] = max(v[axis], max(v[3 + axis], v[6 + axis]))
        if high[axis] < 0 or low[axis] > resolution:
            return
    if high[0] < start or low[0] >= stop and not (stop == resolution and low[0] == resolution):
        return
    cdef double edges[9]
    for axis in range(3):
        edges[axis] = v[3 + axis] - v[axis]
        edges[3 + axis] = v[6 + axis] - v[3 + axis]
        edges[6 + axis] = v[axis] - v[6 + axis]
    # A cell with centre c overlaps only if low <= a.c <= high for each of the axes a.
    cdef double a[3 * AXES]
    cdef double least[AXES]
    cdef double most[AXES]
    cdef double p, radius
    a[0] = edges[1] * edges[5] - edges[2] * edges[4]
    a[1] = edges[2] * edges[3] - edges[0] * edges[5]
    a[2] = edges[0] * edges[4] - edges[1] * edges[3]
    for e in range(3):
        a[9 * e + 3], a[9 * e + 4], a[9 * e + 5] = 0, -edges[3 * e + 2], edges[3 * e + 1]
        a[9 * e + 6], a[9 * e + 7], a[9 * e + 8] = edges[3 * e + 2], 0, -edges[3 * e]
        a[9 * e + 9], a[9 * e + 10], a[9 * e + 11] = -edges[3 * e + 1], edges[3 * e], 0
    for e in range(AXES):
        radius = 0.5 * (fabs(a[3 * e]) + fabs(a[3 * e + 1]) + fabs(a[3 * e + 2]))
        for corner in range(3):
            p = a[3 * e] * v[3 * corner] + a[3 * e + 1] * v[3 * corner + 1] + a[3 * e + 2] * v[3 * corner + 2]
            least[e] = p if corner == 0 else min(least[e], p)
            most[e] = p if corner == 0 else max(most[e], p)
        least[e] -= radius
        most[e] += radius
    cdef double x, y, z
    cdef int i0 = _cell(low[0], start, stop - 1), i1 = _cell(high[0], start, stop - 1)
    cdef int j0 = _cell(low[1], 0, resolution - 1), j1 = _cell(high[1], 0, resolution - 1)
    cdef int k0 = _cell(low[2], 0, resolution - 1), k1 = _cell(high[2], 0, resolution - 1)
    for i in range(i0, i1 + 1):
        x = i + 0.5
        for j in range(j0, j1 + 1):
            y = j + 0.5
            for k in range(k0, k1 + 1):
                z = k + 0.5
                for e in range(AXES):
                    p = a[3 * e] * x + a[3 * e + 1] * y + a[3 * e + 2] * z
                    if p < least[e] or p > most[e]:
                        break
                else:
                    out[i, j, k] = 1
