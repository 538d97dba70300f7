# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True
"""Kernels over depth images; ``depth_numpy.py`` defines what each computes.

Images must be C-contiguous float32; anything else raises ValueError. Rows are shared among the threads that
OMP_NUM_THREADS allows. A build without OpenMP runs the same code on one thread.
"""

import numpy as np

from cython.parallel cimport prange
from libc.math cimport isfinite, sqrtf

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    static int max_threads(void) { return omp_get_max_threads(); }
    #else
    static int max_threads(void) { return 1; }
    #endif
    """
    int max_threads() nogil


def thread_count():
    """Threads that the kernels use; 1 in a build without OpenMP."""
    return max_threads()


def backproject_depth(const float[:, ::1] depth not None, double fx, double fy, double cx, double cy):
    """Camera points (H, W, 3) of ``depth`` (H, W) in metres; pixel centres at +0.5, invalid pixels are NaN."""
    if not (isfinite(fx) and isfinite(fy) and fx > 0 and fy > 0 and isfinite(cx) and isfinite(cy)):
        raise ValueError(f"fx and fy must be positive and all intrinsics finite, are {fx}, {fy}, {cx}, {cy}")
    cdef Py_ssize_t height = depth.shape[0], width = depth.shape[1], r, c
    points = np.empty((height, width, 3), np.float32)
    cdef float[:, :, ::1] out = points
    cdef float[::1] x = ((np.arange(width) + 0.5 - cx) / fx).astype(np.float32)
    cdef float[::1] y = ((np.arange(height) + 0.5 - cy) / fy).astype(np.float32)
    cdef float z, nan = np.nan
    with nogil:
        for r in prange(height, schedule="static"):
            for c in range(width):
                z = depth[r, c]
                z = z if z > 0 and isfinite(z) else nan
                out[r, c, 0] = x[c] * z
                out[r, c, 1] = y[r] * z
                out[r, c, 2] = z
    return points


def depth_normals(const float[:, :, ::1] points not None, float eps=1e-12):
    """Unit normals (H, W, 3) facing the camera, from central differences of ``points`` (H, W, 3).

    NaN on the border, where the point or one of its four neighbours is invalid, and where the cross product of the
    two differences (square metres) is not longer than ``eps``.
    """
    _check_points(points)
    cdef Py_ssize_t height = points.shape[0], width = points.shape[1], r
    normals = np.full((height, width, 3), np.nan, np.float32)
    cdef float[:, :, ::1] out = normals
    with nogil:
        for r in prange(1, height - 1, schedule="static"):
            _row_normals(points, r, eps, out)
    return normals


def triangulate_depth(const float[:, :, ::1] points not None, float max_edge):
    """Mesh of a point image: ``vertices`` (V, 3) float32 and ``faces`` (F, 3) int32 facing the camera.

    Each square of four neighbouring pixels gives up to two triangles (top left, bottom left, top right) and (top
    right, bottom left, bottom right): those whose points are valid and whose edges are at most ``max_edge`` metres
    long. Vertices are the pixels in use and faces the triangles, both in row-major order.
    """
    _check_points(points)
    cdef Py_ssize_t height = points.shape[0], width = points.shape[1], r
    if height < 2 or width < 2:
        return np.empty((0, 3), np.float32), np.empty((0, 3), np.int32)
    if height * width > 2**31 - 1:
        raise ValueError(f"an image of {height} x {width} pixels is too large for int32 indices")
    # Bit 0: upper left triangle of the square, bit 1: lower right one. A border of empty squares saves the tests for
    # the image's edge: the square whose top left pixel is (r, c) is kind[r + 1, c + 1].
    cdef unsigned char[:, ::1] kind = np.zeros((height + 1, width + 1), np.uint8)
    cdef int[:, ::1] index = np.empty((height, width), np.int32)
    # Counts per row become, by a running sum, the place of each row's first vertex and face.
    first_vertex = np.zeros(height + 1, np.int32)
    first_face = np.zeros(height + 1, np.int32)
    cdef int[::1] vertex_start = first_vertex, face_start = first_face
    cdef float limit = max_edge * max_edge
    with nogil:
        for r in prange(height - 1, schedule="static"):
            face_start[r + 1] = _classify_row(points, r, limit, kind)
        for r in prange(height, schedule="static"):
            vertex_start[r + 1] = _number_row(r, kind, index)
    np.cumsum(first_face, out=first_face)
    np.cumsum(first_vertex, out=first_vertex)
    vertices = np.empty((first_vertex[height], 3), np.float32)
    faces = np.empty((first_face[height], 3), np.int32)
    cdef float[:, ::1] vertices_out = vertices
    cdef int[:, ::1] faces_out = faces
    with nogil:
        for r in prange(height, schedule="static"):
            _write_vertices(points, r, vertex_start[r], index, vertices_out)
        for r in prange(height - 1, schedule="static"):
            _write_faces(r, vertex_start, face_start[r], kind, index, faces_out)
    return vertices, faces


cdef int _check_points(const float[:, :, ::1] points) except -1:
    if points.shape[2] != 3:
        raise ValueError(f"points must be (H, W, 3), are ({points.shape[0]}, {points.shape[1]}, {points.shape[2]})")
    return 0


cdef inline bint _valid(const float* p) noexcept nogil:
    return isfinite(p[0]) and isfinite(p[1]) and isfinite(p[2]) and p[2] > 0


cdef inline bint _near(const float* p, const float* q, float limit) noexcept nogil:
    cdef float x = p[0] - q[0], y = p[1] - q[1], z = p[2] - q[2]
    return x * x + y * y + z * z <= limit


cdef void _row_normals(const float[:, :, ::1] points, Py_ssize_t r, float eps, float[:, :, ::1] out) noexcept nogil:
    cdef Py_ssize_t c
    cdef const float *left
    cdef const float *right
    cdef const float *above
    cdef const float *below
    cdef float ax, ay, az, bx, by, bz, nx, ny, nz, length
    for c in range(1, points.shape[1] - 1):
        left, right = &points[r, c - 1, 0], &points[r, c + 1, 0]
        above, below = &points[r - 1, c, 0], &points[r + 1, c, 0]
        if not (_valid(&points[r, c, 0]) and _valid(left) and _valid(right) and _valid(above) and _valid(below)):
            continue
        ax, ay, az = below[0] - above[0], below[1] - above[1], below[2] - above[2]
        bx, by, bz = right[0] - left[0], right[1] - left[1], right[2] - left[2]
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        length = sqrtf(nx * nx + ny * ny + nz * nz)
        if length > eps:
            out[r, c, 0], out[r, c, 1], out[r, c, 2] = nx / length, ny / length, nz / length


cdef int _classify_row(
    const float[:, :, ::1] points, Py_ssize_t r, float limit, unsigned char[:, ::1] kind
) noexcept nogil:
    """Mark the triangles of the squares below row ``r``; returns how many there are."""
    cdef Py_ssize_t column
    cdef int count = 0
    cdef const float *a
    cdef const float *b
    cdef const float *c
    cdef const float *d
    for column in range(points.shape[1] - 1):
        b, c = &points[r, column + 1, 0], &points[r + 1, column, 0]
        if not (_valid(b) and _valid(c) and _near(b, c, limit)):  # the diagonal belongs to both triangles
            continue
        a, d = &points[r, column, 0], &points[r + 1, column + 1, 0]
        if _valid(a) and _near(a, b, limit) and _near(a, c, limit):
            kind[r + 1, column + 1] |= 1
            count += 1
        if _valid(d) and _near(d, b, limit) and _near(d, c, limit):
            kind[r + 1, column + 1] |= 2
            count += 1
    return count


cdef int _number_row(Py_ssize_t r, const unsigned char[:, ::1] kind, int[:, ::1] index) noexcept nogil:
    """Number the pixels of row ``r`` that a triangle uses from 0, others are -1; returns how many there are."""
    cdef Py_ssize_t c
    cdef int count = 0
    for c in range(index.shape[1]):
        # Bottom right pixel of the square above left, bottom left of above right, top right of below left, and so on.
        if kind[r, c] & 2 or kind[r, c + 1] or kind[r + 1, c] or kind[r + 1, c + 1] & 1:
            index[r, c] = count
            count += 1
        else:
            index[r, c] = -1
    return count


cdef void _write_vertices(
    const float[:, :, ::1] points, Py_ssize_t r, int start, const int[:, ::1] index, float[:, ::1] vertices
) noexcept nogil:
    cdef Py_ssize_t c
    cdef int i
    for c in range(index.shape[1]):
        if index[r, c] >= 0:
            i = start + index[r, c]
            vertices[i, 0], vertices[i, 1], vertices[i, 2] = points[r, c, 0], points[r, c, 1], points[r, c, 2]


cdef void _write_faces(
    Py_ssize_t r, const int[::1] vertex_start, int f, const unsigned char[:, ::1] kind, const int[:, ::1] index,
    int[:, ::1] faces,
) noexcept nogil:
    cdef Py_ssize_t column
    cdef int top = vertex_start[r], bottom = vertex_start[r + 1], b, c
    for column in range(index.shape[1] - 1):
        if not kind[r + 1, column + 1]:
            continue
        b, c = top + index[r, column + 1], bottom + index[r + 1, column]
        if kind[r + 1, column + 1] & 1:
            faces[f, 0], faces[f, 1], faces[f, 2] = top + index[r, column], c, b
            f += 1
        if kind[r + 1, column + 1] & 2:
            faces[f, 0], faces[f, 1], faces[f, 2] = b, c, bottom + index[r + 1, column + 1]
            f += 1
