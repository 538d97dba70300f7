"""What the coordinate network sees in training: crops rendered on the device from frames of a registered dataset.

A body is seen from anywhere, in a room with furniture and other people, in clothes and through the noise of a sensor;
a share of them is clean and alone. Labels are the canonical coordinates of the body's surface that is hit. Hands may
have forearms, which are no part of them, and be mirrored.
"""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.geometry.group_casting import cast_groups
from engine.geometry.metric_crop import CAMERA_UP, CropAnchor, gravity_aligned, metric_crop
from engine.geometry.ray_casting import SurfaceHits
from engine.geometry.similarity import Similarity
from engine.training.config import CoordinateStage
from engine.training.coordinate_noise import (
    NoiseNumbers,
    add_sensor_noise,
    coarser_pixels,
    cut_off,
    draw_noise,
    turned,
)
from engine.training.coordinate_scenes import (
    Cameras,
    SceneNumbers,
    cast_surroundings,
    choose_anchors,
    company_offsets,
    draw_scenes,
    floor_heights,
    place_cameras,
)
from engine.training.flow_samples import FlowSampler
from engine.training.forearms import NUMBERS, Forearms
from engine.training.landmark_vertices import landmark_vertices
from engine.training.posed_bodies import BodySource, PosedBodies, draw_waves, dressed

_CHOICES = 17


@dataclass(frozen=True, eq=False)
class _Numbers:
    """Random numbers behind B crops."""

    choices: Tensor
    """(B, 17) uniform in [0, 1)"""
    scene: SceneNumbers
    noise: NoiseNumbers
    waves: Tensor
    """(B, 2, K, 4) standard normal, for the clothes of the subject and of a second body"""
    gravity: Tensor
    """(B, 3) standard normal"""
    forearms: Tensor
    """(B, 4) standard normal"""

    @staticmethod
    def draw(count: int, mine: slice, size: int, generator: torch.Generator) -> "_Numbers":
        device = generator.device
        return _Numbers(
            torch.rand((count, _CHOICES), generator=generator, device=device)[mine],
            draw_scenes(count, generator)[mine],
            draw_noise(count, size, generator)[mine],
            draw_waves(2 * count, generator).unflatten(0, (count, 2))[mine],
            torch.randn((count, 3), generator=generator, device=device)[mine],
            torch.randn((count, NUMBERS), generator=generator, device=device)[mine],
        )


@dataclass(frozen=True, eq=False)
class _Scene:
    """B subjects, the cameras that look at them, and what is around."""

    frames: Tensor
    """(B,)"""
    anchors: Tensor
    """(B, 3)"""
    floors: Tensor
    """(B,) heights"""
    cameras: Cameras
    isolated: Tensor
    """(B,) bool: nothing else is there"""
    company: Tensor
    """(B,) bool: a second body is there"""
    forearms: Tensor
    """(B,) bool: the arm goes on where the hand ends"""


class CoordinateInputs:
    """Crops and labels of the frames of a dataset."""

    def __init__(
        self,
        sampler: FlowSampler,
        similarity: Similarity,
        config: CoordinateStage,
        learned: "CoordinateInputs | None" = None,
    ) -> None:
        """
        Args:
            sampler: the registered vertices, on the device that renders.
            similarity: says how large a canonical unit is to the sensor.
            learned: what the network is trained with, where these frames are held out: it has the same landmarks.
        """
        self._source, self._scale, self._config = BodySource(sampler), similarity.scale, config
        self._sampler = sampler
        like = None if learned is None else learned._sampler
        self._landmarks = landmark_vertices(sampler, config.landmarks, like)[sampler.identity_of_frame]
        self._forearms = Forearms(sampler) if config.forearm > 0 else None

    def broken_frames(self) -> list[int]:
        """Frames with vertices that are not finite, which no ray would ever hit."""
        finite = torch.isfinite(self._source.centres).all(1)
        return (~finite).nonzero()[:, 0].tolist()

    def draw(self, frames: Tensor, mine: slice, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Crops (B', 4, S, S), canonical coordinates (B', 3, S, S) and foreground (B', S, S) bool of ``frames[mine]``.

        Then landmarks (B', K, 2, 3): their canonical coordinates, and where they are in the axes of the crop. Last
        which crops are mirrored (B',) bool; their landmarks are those of the subject that is not.

        Random numbers are drawn for all ``frames`` (B,): what a frame gets does not depend on ``mine``. Waits for the
        device.
        """
        size = self._config.size
        numbers = _Numbers.draw(len(frames), mine, size, generator)
        scene = self._place(frames[mine], numbers)
        bodies, images = self._bodies(scene, numbers)
        directions = scene.cameras.directions(size)
        hits = cast_groups(bodies.vertices, bodies.faces, images, scene.cameras.position, directions)
        around = cast_surroundings(scene.cameras, directions, scene.anchors, scene.floors, numbers.scene)
        around = torch.where(scene.isolated[:, None, None], torch.inf, around)
        canonical, subject = surface_labels(bodies, hits)
        depth = torch.where(hits.face >= 0, hits.depth_m, torch.inf)
        subject &= depth <= around
        depth = torch.minimum(depth, around)
        depth = torch.where(torch.isfinite(depth), depth, 0.0)
        first = torch.arange(len(scene.frames), device=frames.device)
        corner = torch.searchsorted(bodies.body_of_vertex, first)
        rows = corner[:, None] + self._landmarks[scene.frames]
        landmarks = torch.stack((bodies.canonical[rows], bodies.vertices[rows]), dim=2)
        crops, canonical, foreground = self._seen(depth, canonical, subject, landmarks, scene, numbers)
        mirrored = numbers.choices[:, 13] < self._config.mirrored
        crops, canonical, foreground = mirrored_where(mirrored, crops, canonical, foreground)
        return crops, canonical, foreground, landmarks, mirrored

    def _place(self, frames: Tensor, numbers: _Numbers) -> _Scene:
        config, source, choices = self._config, self._source, numbers.choices
        isolated = choices[:, 0] < config.isolated
        company = (choices[:, 1] < config.company) & ~isolated
        on_surface = source.random_vertices(frames, choices[:, 2])
        anchors = choose_anchors(source.centres[frames], on_surface, company, numbers.scene)
        cameras = place_cameras(anchors, numbers.scene, config)
        floors = floor_heights(source.lowest[frames], numbers.scene)
        forearms = (choices[:, 14] < config.forearm) & ~isolated
        floors = torch.where(forearms, floors - 0.9 * choices[:, 15], floors)  # an arm comes from somewhere
        return _Scene(frames, anchors, floors, cameras, isolated, company, forearms)

    def _bodies(self, scene: _Scene, numbers: _Numbers) -> tuple[PosedBodies, Tensor]:
        """Dressed subjects, then second bodies on the same floors; and the image (T,) that each triangle is in."""
        source, choices, frames = self._source, numbers.choices, scene.frames
        others = (choices[:, 3] * source.frames).long().clamp_max(source.frames - 1)
        frames_on_host, others_on_host, company = torch.stack((frames, others, scene.company.long())).tolist()
        rows_on_host = [row for row, present in enumerate(company) if present]
        rows = torch.tensor(rows_on_host, dtype=torch.int64).to(frames.device)
        everyone = torch.cat((frames, others[rows]))
        bodies = source.pack(everyone, frames_on_host + [others_on_host[row] for row in rows_on_host])
        images = torch.cat((torch.arange(len(frames), device=frames.device), rows))
        thickness = self._config.clothes * torch.where(choices[:, 4] < 0.2, 1.0, 0.4) * choices[:, 5]
        thickness = torch.where(choices[:, 6] < 0.35, 0.0, thickness)
        waves = torch.cat((numbers.waves[:, 0], numbers.waves[rows, 1]))
        vertices = dressed(bodies, thickness[images], waves)
        offsets, headings = company_offsets(scene.cameras, numbers.scene)
        pivots, places = torch.zeros((2, len(everyone), 3), device=frames.device)
        turns, second = torch.zeros(len(everyone), device=frames.device), slice(len(frames), None)
        feet = torch.stack((source.centres[:, 0], source.lowest, source.centres[:, 2]), dim=1)
        beside = source.centres[frames, ::2] + offsets
        pivots[second] = feet[others[rows]]
        places[second] = torch.stack((beside[:, 0], scene.floors, beside[:, 1]), dim=1)[rows]
        turns[second] = headings[rows]
        of = bodies.body_of_vertex
        # where sides are told, the second hand is mostly the other one
        other_side = (choices[rows, 16] < 0.7) & (self._config.mirrored > 0)
        sides = torch.cat((torch.ones(len(frames), device=frames.device), torch.where(other_side, -1.0, 1.0)))
        vertices = (vertices - pivots[of]) * functional.pad(sides[of, None], (0, 2), value=1.0)
        bodies = dataclasses.replace(bodies, vertices=_turn_about_y(vertices, turns[of]) + places[of])
        if self._forearms is not None:
            bodies = self._forearms.added(bodies, frames, scene.forearms, numbers.forearms)
            images = torch.cat((images, torch.arange(len(frames), device=frames.device)))
        return bodies, images[bodies.body_of_face]

    def _seen(
        self, depth: Tensor, canonical: Tensor, subject: Tensor, landmarks: Tensor, scene: _Scene, numbers: _Numbers
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the sensor makes of it, as crops with labels; ``landmarks`` (B, K, 2, 3) are moved to their axes."""
        config, choices, size = self._config, numbers.choices, self._config.size
        alone = min(1.0, 2 * config.clean)
        others = max(0.0, config.clean - config.isolated * alone) / max(1e-6, 1 - config.isolated)
        noisy = choices[:, 7] >= torch.where(scene.isolated, alone, others)
        measured, same = add_sensor_noise(depth, noisy, self._scale, numbers.noise)
        outside = cut_off(size, choices[:, 8], 0.6 * choices[:, 9])
        outside &= (choices[:, 10] < 0.15)[:, None, None]
        measured = torch.where(outside, 0.0, measured)
        error = config.gravity_error_degrees * torch.where(choices[:, 11] < 0.15, 3.3, 1.0)
        up = scene.cameras.up if config.upright else depth.new_tensor(CAMERA_UP).expand(len(depth), 3)
        gravity = gravity_aligned(turned(up, error, numbers.gravity))
        middle = torch.full_like(scene.cameras.ray, size / 2)
        anchor = CropAnchor(middle, scene.cameras.distance)
        crop = metric_crop(measured, scene.cameras.intrinsics(size), anchor, gravity, 1.0, size)
        foreground = subject & same & crop.valid
        # the sensor's scale is off by up to 2 %; some pixels are as large as three
        channels, stretched = crop.channels.clone(), 0.98 + 0.04 * choices[:, 12]
        channels[:, :3] *= stretched[:, None, None, None]
        to_crop = gravity @ scene.cameras.rotation.transpose(1, 2) * stretched[:, None, None]
        landmarks[:, :, 1] = (landmarks[:, :, 1] - scene.anchors[:, None]) @ to_crop.transpose(1, 2)
        coarse = numbers.noise.coarse[:, 0, 0, :2]
        shown = coarser_pixels(size, torch.where(coarse[:, 0] > 0.5, 1 + coarse[:, 1].abs().clamp_max(2), 1.0))
        picked = [
            part.flatten(2).gather(2, shown[:, None].expand(-1, part.shape[1], -1)).view(part.shape)
            for part in (channels, canonical, foreground[:, None])
        ]
        return picked[0], picked[1] * picked[2], picked[2][:, 0]


def mirrored_where(chosen: Tensor, crops: Tensor, *images: Tensor) -> tuple[Tensor, ...]:
    """Of those that are ``chosen`` (B,) bool, ``crops`` (B, 4, S, S) and ``images`` (B, ..., S, S) seen in a mirror.

    It swaps left and right of the picture.
    """
    x, rest = crops.split((1, 3), dim=1)

    def flipped(image: Tensor, mirror: Tensor) -> Tensor:
        return torch.where(chosen.view(-1, *[1] * (image.ndim - 1)), mirror.flip(-1), image)

    return flipped(crops, torch.cat((-x, rest), dim=1)), *(flipped(image, image) for image in images)


def surface_labels(bodies: PosedBodies, hits: SurfaceHits) -> tuple[Tensor, Tensor]:
    """Canonical coordinates (B, 3, H, W) of what is hit, and whether that is the first body of its image (B, H, W)."""
    batch = len(hits.face)
    struck = hits.face >= 0
    face = torch.where(struck, hits.face, 0).long()
    corners = bodies.canonical[bodies.faces[face]]  # (B, H, W, 3 corners, 3)
    weights = torch.cat((hits.barycentric, 1 - hits.barycentric.sum(-1, keepdim=True)), dim=-1)
    canonical = (corners * weights[..., None]).sum(-2).movedim(-1, 1)
    return canonical, struck & (bodies.body_of_face[face] < batch)


def _turn_about_y(points: Tensor, angles: Tensor) -> Tensor:
    """``points`` (N, 3), each turned by an angle (N,) about +y."""
    sine, cosine = angles.sin(), angles.cos()
    x, y, z = points.unbind(-1)
    return torch.stack((cosine * x + sine * z, y, cosine * z - sine * x), dim=-1)
