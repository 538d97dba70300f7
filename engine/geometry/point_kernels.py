"""What NVIDIA Warp computes of points and a mesh.

Importing Warp takes a third of a second, so whoever launches these imports them then.
"""

from typing import no_type_check

import warp as wp


@wp.kernel
@no_type_check
def find_nearest(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    reach: wp.float32,
    distance: wp.array(dtype=wp.float32),
):
    """Distance to the nearest triangle, ``reach`` where there is none within it."""
    i = wp.tid()
    distance[i] = reach
    found = wp.mesh_query_point_no_sign(mesh, points[i], reach)
    if found.result:
        nearest = wp.mesh_eval_position(mesh, found.face, found.u, found.v)
        distance[i] = wp.min(wp.length(points[i] - nearest), reach)


@wp.kernel
@no_type_check
def find_hidden(
    mesh: wp.uint64,
    origin: wp.vec3,
    points: wp.array(dtype=wp.vec3),
    touching: float,
    hidden: wp.array(dtype=wp.uint8),
):
    """Whether something is in the way from ``origin`` to each point."""
    i = wp.tid()
    towards = points[i] - origin
    distance = wp.length(towards)
    hit = wp.mesh_query_ray(mesh, origin, towards / distance, distance - touching)
    if hit.result:
        hidden[i] = wp.uint8(1)
