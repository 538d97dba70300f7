"""One ray per pixel of many images, each of which sees triangles of its own, with NVIDIA Warp on CPU or CUDA.

All triangles are in one hierarchy, which is made anew each time: on a GPU that is sooner done than refitting one for
each image.
"""

from typing import no_type_check

import torch
import warp as wp
from torch import Tensor

from engine.core.warp_runtime import warp_on
from engine.geometry.ray_casting import SurfaceHits

_FARTHEST = 1.0e6


@wp.kernel
@no_type_check
def _cast_rays_of_groups(
    mesh: wp.uint64,
    origins: wp.array(dtype=wp.vec3),
    directions: wp.array2d(dtype=wp.vec3),
    depth: wp.array2d(dtype=wp.float32),
    face: wp.array2d(dtype=wp.int32),
    barycentric: wp.array2d(dtype=wp.vec2),
):
    """The first hit along each ray among the triangles of its image."""
    image, pixel = wp.tid()
    root = wp.mesh_get_group_root(mesh, image)
    hit = wp.mesh_query_ray(mesh, origins[image], directions[image, pixel], _FARTHEST, root)
    if hit.result:
        depth[image, pixel] = hit.t
        face[image, pixel] = hit.face
        barycentric[image, pixel] = wp.vec2(hit.u, hit.v)


def cast_groups(vertices: Tensor, faces: Tensor, images: Tensor, origins: Tensor, directions: Tensor) -> SurfaceHits:
    """Where the rays of B images of H x W pixels meet the triangles of their image; nothing leaves the device.

    Args:
        vertices: (V, 3) float32, those of all images
        faces: (T, 3) indices of them
        images: (T,) the image that sees each triangle; each image has at least one
        origins: (B, 3) of the rays
        directions: (B, H, W, 3) of any length; depth is told in multiples of it
    """
    batch, height, width, _ = directions.shape
    assert vertices.ndim == 2 and vertices.shape[1] == 3 and faces.shape == (len(images), 3), faces.shape
    assert origins.shape == (batch, 3) and len(faces) > 0, origins.shape
    device = vertices.device
    depth = torch.zeros((batch, height * width), device=device)
    face = torch.full(depth.shape, -1, dtype=torch.int32, device=device)
    barycentric = torch.zeros((*depth.shape, 2), device=device)
    points, corners = vertices.float().contiguous(), faces.to(torch.int32).flatten()
    owners, starts = images.to(torch.int32).contiguous(), origins.float().contiguous()
    rays = directions.float().reshape(batch, -1, 3).contiguous()
    with warp_on(device) as of_warp:
        mesh = wp.Mesh(wp.from_torch(points, dtype=wp.vec3), wp.from_torch(corners), groups=wp.from_torch(owners))
        inputs = [mesh.id, wp.from_torch(starts, dtype=wp.vec3), wp.from_torch(rays, dtype=wp.vec3)]
        outputs = [wp.from_torch(depth), wp.from_torch(face), wp.from_torch(barycentric, dtype=wp.vec2)]
        wp.launch(_cast_rays_of_groups, dim=depth.shape, inputs=inputs, outputs=outputs, device=of_warp)
    shape = (batch, height, width)
    return SurfaceHits(depth.view(shape), face.view(shape), barycentric.view(*shape, 2))
