# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True
"""Kernels over depth images; ``depth_numpy.py`` defines what each computes.

Images must be C-contiguous float32; anything else raises ValueError. Rows are shared among the threads that
OMP_NUM_THREADS allows. A build without OpenMP runs the same code on one thread.
"""

import numpy as np

from cython.parallel cimport prange
from libc.math cimport acos, cos, isfinite, sqrt, sqrtf

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


cdef double FLATNESS = 1e-6
cdef Py_ssize_t SHARED_FROM = 100000  # pixels: fewer are done before other threads have started


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
        for r in prange(height, schedule="static", use_threads_if=height * width >= SHARED_FROM):
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
        for r in prange(1, height - 1, schedule="static", use_threads_if=height * width >= SHARED_FROM):
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


def pca_normals(const float[:, :, ::1] points not None, int window=5, double max_distance=0.05):
    """Unit normals (H, W, 3) facing the camera: the direction in which the neighbourhood of a pixel varies least.

    The neighbourhood of a valid pixel of ``points`` (H, W, 3) are the valid points among the ``window`` x ``window``
    pixels around it that are at most ``max_distance`` metres away, itself included. NaN where the point is invalid,
    or where its neighbourhood does not span a plane: the second greatest of the variances is not above about a
    millionth of the greatest.
    """
    _check_points(points)
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window must be odd and positive, is {window}")
    cdef Py_ssize_t height = points.shape[0], width = points.shape[1], r
    normals = np.full((height, width, 3), np.nan, np.float32)
    cdef float[:, :, ::1] out = normals
    with nogil:
        for r in prange(height, schedule="dynamic", chunksize=8):
            _row_pca_normals(points, r, window // 2, max_distance * max_distance, out)
    return normals


def validity_and_sign(
    const float[:, ::1] points not None, mask, const float[:, ::1] depth not None,
    double fx, double fy, double cx, double cy, double truncation,
):
    """What a depth image says about ``points`` (G, 3) in camera axes: ``valid`` (G,) bool and ``sign`` (G,) float32.

    A point that projects outside the image, onto a pixel that ``mask`` (H, W) bool leaves out or whose ``depth``
    (H, W) is invalid, or that is not in front of the camera, is in free space: valid, +1. Otherwise the sign is -1
    behind the surface (Z greater than the depth), and farther behind than ``truncation`` metres it is not valid.
    """
    if points.shape[1] != 3:
        raise ValueError(f"points must be (G, 3), are ({points.shape[0]}, {points.shape[1]})")
    if not (isfinite(fx) and isfinite(fy) and fx > 0 and fy > 0 and isfinite(cx) and isfinite(cy)):
        raise ValueError(f"fx and fy must be positive and all intrinsics finite, are {fx}, {fy}, {cx}, {cy}")
    mask = np.ascontiguousarray(mask, bool)
    if mask.shape != (depth.shape[0], depth.shape[1]):
        raise ValueError(f"mask must be {(depth.shape[0], depth.shape[1])} as the depth image, is {mask.shape}")
    cdef const unsigned char[:, ::1] seen = mask.view(np.uint8)
    cdef Py_ssize_t count = points.shape[0], i
    valid, sign = np.ones(count, bool), np.ones(count, np.float32)
    cdef unsigned char[::1] valid_out = valid.view(np.uint8)
    cdef float[::1] sign_out = sign
    cdef double width = depth.shape[1], height = depth.shape[0], x, y, z, d, u, v
    with nogil:
        for i in prange(count, schedule="static"):
            x, y, z = points[i, 0], points[i, 1], points[i, 2]
            if z > 0 and isfinite(z):
                u, v = fx * x / z + cx, fy * y / z + cy
                if u >= 0 and u < width and v >= 0 and v < height and seen[<Py_ssize_t> v, <Py_ssize_t> u]:
                    d = depth[<Py_ssize_t> v, <Py_ssize_t> u]
                    if d > 0 and isfinite(d) and z > d:
                        sign_out[i] = -1
                        valid_out[i] = z <= d + truncation
    return valid, sign


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


cdef void _row_pca_normals(
    const float[:, :, ::1] points, Py_ssize_t r, Py_ssize_t reach, double limit, float[:, :, ::1] out
) noexcept nogil:
    cdef Py_ssize_t height = points.shape[0], width = points.shape[1], c, i, j
    cdef int count
    cdef const float *p
    cdef const float *q
    cdef double x, y, z, sx, sy, sz
    cdef double s[6]
    cdef double normal[3]
    for c in range(width):
        p = &points[r, c, 0]
        if not _valid(p):
            continue
        count, sx, sy, sz = 0, 0, 0, 0
        for i in range(6):
            s[i] = 0
        for i in range(max(r - reach, 0), min(r + reach + 1, height)):
            for j in range(max(c - reach, 0), min(c + reach + 1, width)):
                q = &points[i, j, 0]
                if not _valid(q):
                    continue
                x, y, z = <double> q[0] - p[0], <double> q[1] - p[1], <double> q[2] - p[2]
                if x * x + y * y + z * z <= limit:
                    count = count + 1
                    sx, sy, sz = sx + x, sy + y, sz + z
                    s[0] += x * x
                    s[1] += y * y
                    s[2] += z * z
                    s[3] += x * y
                    s[4] += x * z
                    s[5] += y * z
        s[0] -= sx * sx / count
        s[1] -= sy * sy / count
        s[2] -= sz * sz / count
        s[3] -= sx * sy / count
        s[4] -= sx * sz / count
        s[5] -= sy * sz / count
        if _least_eigenvector(s, normal):
            x = normal[0] * p[0] + normal[1] * p[1] + normal[2] * p[2]
            for i in range(3):
                out[r, c, i] = normal[i] if x < 0 else -normal[i]


cdef bint _least_eigenvector(const double* s, double* vector) noexcept nogil:
    """Unit eigenvector of the least eigenvalue of the symmetric matrix xx, yy, zz, xy, xz, yz; False without a plane.

    The eigenvalue is the trigonometric solution of the characteristic polynomial (Smith 1961), the eigenvector the
    longest product of two rows of the matrix less the eigenvalue.
    """
    cdef double trace = s[0] + s[1] + s[2], mean = trace / 3, spread, half_determinant, angle, least, length, best = 0
    cdef double minors = s[0] * s[1] + s[0] * s[2] + s[1] * s[2] - s[3] * s[3] - s[4] * s[4] - s[5] * s[5]
    cdef double rows[9]
    cdef double cross[3]
    cdef int i, j, k
    if not minors > FLATNESS * trace * trace:
        return False
    rows[0], rows[4], rows[8] = s[0] - mean, s[1] - mean, s[2] - mean
    rows[1], rows[2], rows[5] = s[3], s[4], s[5]
    spread = sqrt(
        (rows[0] * rows[0] + rows[4] * rows[4] + rows[8] * rows[8] + 2 * (s[3] * s[3] + s[4] * s[4] + s[5] * s[5])) / 6
    )
    half_determinant = 0.5 * (
        rows[0] * (rows[4] * rows[8] - s[5] * s[5])
        - s[3] * (s[3] * rows[8] - s[5] * s[4])
        + s[4] * (s[3] * s[5] - rows[4] * s[4])
    )
    angle = half_determinant / (spread * spread * spread) if spread > 0 else 0
    angle = acos(min(max(angle, -1.0), 1.0)) / 3
    least = 2 * spread * cos(angle + 2.0943951023931953)  # a third of a turn; the mean is taken off already
    rows[0] -= least
    rows[4] -= least
    rows[8] -= least
    rows[3], rows[6], rows[7] = rows[1], rows[2], rows[5]
    for i in range(3):
        j = (i + 1) % 3
        for k in range(3):
            cross[k] = (
                rows[3 * i + (k + 1) % 3] * rows[3 * j + (k + 2) % 3]
                - rows[3 * i + (k + 2) % 3] * rows[3 * j + (k + 1) % 3]
            )
        length = cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2]
        if length > best:
            best = length
            vector[0], vector[1], vector[2] = cross[0], cross[1], cross[2]
    if not best > 0:  # the same variance in all directions: any is as good
        vector[0], vector[1], vector[2] = 0, 0, 1
        return True
    length = sqrt(best)
    for k in range(3):
        vector[k] /= length
    return True


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
