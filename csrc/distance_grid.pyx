# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True
"""Distance from every node of a lattice to the nearest of many points, exactly; ``distance_grid_numpy.py`` defines it.

Blocks of nodes are halved until they are small, and every block keeps only the points that can be nearest somewhere in
it. Whether p is farther than q is a linear inequality (the side of their bisecting plane), so a point p that is no
nearer than one same point q at all eight corners of a block is no nearer anywhere inside, and is dropped. As q serve
the points nearest to the corners. The test runs in double precision: what it may drop wrongly through rounding is
nearer by less than 1e-8 of the size of the lattice. What is left, about as many points as face the block, is compared
with every node.
"""

import numpy as np

from cython.parallel cimport prange
from libc.math cimport sqrtf
from libc.stddef cimport ptrdiff_t
from libc.stdlib cimport free, malloc

cdef extern from *:
    """
    /* Inner loops in C, so that GCC on Linux also compiles them for wider vectors and picks at load time. Sums and
       minima round alike at every width. */
    #if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
    #define ANY_WIDTH __attribute__((target_clones("avx512f", "avx2", "default")))
    #else
    #define ANY_WIDTH
    #endif
    #ifdef _MSC_VER
    #define RESTRICT __restrict
    #else
    #define RESTRICT restrict
    #endif
    #include <math.h>
    #include <stddef.h>

    #define LEAF 8

    /* Squared distances (8, n) from n points (3, n) to the corners of a box given by its ends on each axis (3, 2). */
    ANY_WIDTH static void corner_distances(
        const double *RESTRICT points, ptrdiff_t n, const double *ends, double *RESTRICT squared
    ) {
        const double *x = points, *y = points + n, *z = points + 2 * n;
        for (ptrdiff_t i = 0; i < n; i++) {
            double x0 = x[i] - ends[0], x1 = x[i] - ends[1];
            double y0 = y[i] - ends[2], y1 = y[i] - ends[3];
            double z0 = z[i] - ends[4], z1 = z[i] - ends[5];
            double s[4];
            x0 *= x0; x1 *= x1; y0 *= y0; y1 *= y1; z0 *= z0; z1 *= z1;
            s[0] = x0 + y0; s[1] = x0 + y1; s[2] = x1 + y0; s[3] = x1 + y1;
            squared[i] = s[0] + z0;
            squared[n + i] = s[0] + z1;
            squared[2 * n + i] = s[1] + z0;
            squared[3 * n + i] = s[1] + z1;
            squared[4 * n + i] = s[2] + z0;
            squared[5 * n + i] = s[2] + z1;
            squared[6 * n + i] = s[3] + z0;
            squared[7 * n + i] = s[3] + z1;
        }
    }

    /* Index of the least of n > 0 values. */
    ANY_WIDTH static ptrdiff_t least(const double *values, ptrdiff_t n) {
        double least = values[0];
        ptrdiff_t i;
        #pragma omp simd reduction(min : least)
        for (i = 0; i < n; i++) least = values[i] < least ? values[i] : least;
        for (i = 0; i < n; i++) if (values[i] == least) return i;
        return 0;
    }

    /* Lower the flags of the points that are no nearer than point q at any corner. */
    ANY_WIDTH static void drop_behind(
        const double *RESTRICT squared, ptrdiff_t n, ptrdiff_t q, unsigned char *RESTRICT keep
    ) {
        double at_q[8];
        for (int c = 0; c < 8; c++) at_q[c] = squared[c * n + q];
        for (ptrdiff_t i = 0; i < n; i++) {
            unsigned char nearer = 0;
            for (int c = 0; c < 8; c++) nearer |= squared[c * n + i] < at_q[c];
            keep[i] &= nearer;
        }
    }

    /* Least squared distance from each node of a leaf (LEAF, LEAF, LEAF) to n points (3, n), axes (3, LEAF). */
    ANY_WIDTH static void leaf_distances(
        const double *RESTRICT points, ptrdiff_t n, const double *RESTRICT axes, float *RESTRICT nearest
    ) {
        for (int i = 0; i < LEAF * LEAF * LEAF; i++) nearest[i] = INFINITY;
        for (ptrdiff_t p = 0; p < n; p++) {
            float squared[3][LEAF];
            for (int axis = 0; axis < 3; axis++)
                for (int i = 0; i < LEAF; i++) {
                    double d = axes[axis * LEAF + i] - points[axis * n + p];
                    squared[axis][i] = (float)(d * d);
                }
            for (int i = 0; i < LEAF; i++)
                for (int j = 0; j < LEAF; j++) {
                    float xy = squared[0][i] + squared[1][j], *row = nearest + (i * LEAF + j) * LEAF;
                    for (int k = 0; k < LEAF; k++) {
                        float d = xy + squared[2][k];
                        row[k] = d < row[k] ? d : row[k];
                    }
                }
        }
    }
    """
    enum: LEAF
    void corner_distances(const double* points, ptrdiff_t n, const double* ends, double* squared) nogil
    ptrdiff_t least(const double* values, ptrdiff_t n) nogil
    void drop_behind(const double* squared, ptrdiff_t n, ptrdiff_t q, unsigned char* keep) nogil
    void leaf_distances(const double* points, ptrdiff_t n, const double* axes, float* nearest) nogil


def nearest_distance_grid(points, axis):
    """Distances (N, N, N) float32, index order x, y, z, from lattice nodes to the nearest of ``points`` (P, 3).

    Rounded to float32 from squares that were summed in float32: relative error at most 2e-7, infinite beyond 1e19.

    Args:
        points: finite coordinates; computed with in double precision.
        axis: (N,) ascending coordinates of the nodes along each of the three axes.

    Raises:
        ValueError: wrong shapes, or numbers that are not finite. MemoryError: too little memory.
    """
    points, axis = np.asarray(points, np.float64), np.ascontiguousarray(axis, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise ValueError(f"points must be (P, 3) with P > 0, are {points.shape}")
    if axis.ndim != 1 or not (np.diff(axis) > 0).all():
        raise ValueError(f"axis must be (N,) ascending, is {axis.shape}")
    if not (np.isfinite(points).all() and np.isfinite(axis).all()):
        raise ValueError("points and axis must be finite")
    cdef const double[:, ::1] columns = np.ascontiguousarray(points.T)
    cdef const double[::1] nodes = axis
    cdef Py_ssize_t n = len(axis), count = len(points), size = LEAF, failed = 0, i
    distances = np.empty((n, n, n), np.float32)
    if n == 0:
        return distances
    cdef float[:, :, ::1] out = distances
    while size * 4 < n:  # about 64 blocks to share among the threads
        size *= 2
    cdef Py_ssize_t side = (n + size - 1) // size
    with nogil:
        for i in prange(side * side * side, schedule="dynamic"):
            failed += _block(
                &columns[0, 0], count, nodes,
                i // (side * side) * size, i // side % side * size, i % side * size, size, out,
            )
    if failed:
        raise MemoryError("the distance grid needs more memory")
    return distances


cdef Py_ssize_t _block(
    const double* points, Py_ssize_t count, const double[::1] nodes,
    Py_ssize_t x, Py_ssize_t y, Py_ssize_t z, Py_ssize_t size, float[:, :, ::1] out,
) noexcept nogil:
    """Fill the block of ``size``^3 nodes that starts at (x, y, z), cut off at the lattice's end; 1 without memory."""
    cdef Py_ssize_t n = nodes.shape[0], half = size // 2, kept = 0, failed = 0, i, q
    if x >= n or y >= n or z >= n:
        return 0
    cdef double[6] ends
    ends[0], ends[1] = nodes[x], nodes[min(x + size, n) - 1]
    ends[2], ends[3] = nodes[y], nodes[min(y + size, n) - 1]
    ends[4], ends[5] = nodes[z], nodes[min(z + size, n) - 1]
    cdef double* squared = <double*> malloc(count * (8 * sizeof(double) + 1))
    if squared == NULL:
        return 1
    cdef unsigned char* keep = <unsigned char*> (squared + 8 * count)
    cdef Py_ssize_t[8] nearest
    corner_distances(points, count, ends, squared)
    for i in range(count):
        keep[i] = 1
    for i in range(8):
        nearest[i] = least(squared + i * count, count)
        for q in range(i):
            if nearest[q] == nearest[i]:
                break
        else:
            drop_behind(squared, count, nearest[i], keep)
    for i in range(8):
        keep[nearest[i]] = 1
    for i in range(count):
        kept += keep[i]
    cdef double* rest = <double*> malloc(3 * kept * sizeof(double))
    if rest == NULL:
        free(squared)
        return 1
    q = 0
    for i in range(count):
        if keep[i]:
            rest[q], rest[kept + q], rest[2 * kept + q] = points[i], points[count + i], points[2 * count + i]
            q += 1
    free(squared)
    if size == LEAF:
        _leaf(rest, kept, nodes, x, y, z, out)
    else:
        for i in range(8):
            failed |= _block(
                rest, kept, nodes, x + (i >> 2) * half, y + (i >> 1 & 1) * half, z + (i & 1) * half, half, out
            )
    free(rest)
    return failed


cdef void _leaf(
    const double* points, Py_ssize_t count, const double[::1] nodes,
    Py_ssize_t x, Py_ssize_t y, Py_ssize_t z, float[:, :, ::1] out,
) noexcept nogil:
    cdef Py_ssize_t n = nodes.shape[0], i, j, k
    cdef double[3 * LEAF] axes
    cdef float[LEAF * LEAF * LEAF] nearest
    for i in range(LEAF):
        axes[i] = nodes[min(x + i, n - 1)]
        axes[LEAF + i] = nodes[min(y + i, n - 1)]
        axes[2 * LEAF + i] = nodes[min(z + i, n - 1)]
    leaf_distances(points, count, axes, nearest)
    for i in range(min(<Py_ssize_t> LEAF, n - x)):
        for j in range(min(<Py_ssize_t> LEAF, n - y)):
            for k in range(min(<Py_ssize_t> LEAF, n - z)):
                out[x + i, y + j, z + k] = sqrtf(nearest[(i * LEAF + j) * LEAF + k])
