"""The encoder stages: from what a camera sees of a frame to the codes that the decoders were learned with."""

import copy
import dataclasses
from typing import Literal

import torch
from torch import Tensor

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.dataset.fingerprint import data_note
from engine.dataset.registered import RegisteredDataset
from engine.dataset.splits import shape_rows
from engine.evaluate.code_fitting import fit_shape_codes
from engine.models.code_space import CodeSpace
from engine.models.model import NeuralParametricModel
from engine.models.networks.encoder import EncoderConfig, VoxelEncoder
from engine.training.config import EncoderStage, Validation
from engine.training.encoder_inputs import EncoderInputs, FileInputs, RenderedInputs
from engine.training.flow_points import lacks_meshes
from engine.training.flow_samples import FlowSampler
from engine.training.stage import Metrics

Kind = Literal["shape", "pose"]
_VALIDATION_POINTS = 1024


class EncoderTraining:
    """See `engine.training.stage.TrainingStage`; a row is a frame, whose identity's shape code or pose code is sought.

    The network learns standard scores, code by code dimension: they are of one size whatever the size of the codes.
    The encoder of the model has mean and spread of the codes in its last layer.
    """

    codes: Tensor | None = None
    capturable = False  # a ray caster of its own stream renders the inputs
    compilable = False
    weight_decay = 0.0

    def __init__(
        self,
        kind: Kind,
        dataset: RegisteredDataset,
        model: NeuralParametricModel,
        config: EncoderStage,
        half: bool,
        device: torch.device,
        validation: RegisteredDataset | None,
        validation_config: Validation,
        progress: Progress,
    ) -> None:
        """
        Args:
            model: whose codes are learned; knows the frames of ``dataset`` (all of its identities, for the shape).
            half: convolutions in bfloat16, on CUDA only.

        Raises:
            InputError: the model lacks frames or identities of the dataset, or arrays are missing or damaged.
        """
        self.name = f"{kind}-encoder"
        self.kind, self.config, self.half, self.base = kind, config, half, model.to(device)
        self.schedule, self.data = config.schedule, data_note(dataset, frames=True)
        self.rows, self.rows_per_batch = len(dataset.labels), config.frames_per_batch
        self._names = [f"{dataset.identities[label.identity]}/{label}" for label in dataset.labels]
        identities = shape_rows(dataset, model.info)
        owners = torch.tensor([int(identities[label.identity]) for label in dataset.labels])
        self._shape_codes = self.base.shape_codes[owners.to(device)]  # (N, Cs)
        if kind == "shape":
            learned, self._targets = self.base.shape_codes, self._shape_codes
        else:
            rows = pose_rows(dataset, model)
            assert self.base.pose_codes is not None
            learned = self.base.pose_codes
            self._targets = learned[torch.tensor(rows, device=device)]
        space = CodeSpace.from_codes(learned)
        self._mean, self._scale = space.mean, space.safe_std
        size = EncoderConfig(learned.shape[1], config.resolution, config.channels)
        self.network = VoxelEncoder(size).to(device)
        self._compares_surfaces = config.surface_points > 0 and config.surface_weight > 0
        self._sampler: FlowSampler | None = None
        if config.inputs == "rendered" or self._compares_surfaces:
            if lacks_meshes(dataset):
                remedy = "set inputs: files and surface_weight: 0"
                raise InputError(dataset.root, f"has no meshes for the {self.name}", remedy)
            self._sampler = FlowSampler.load(dataset, device, progress)
        self._inputs = _inputs(dataset, self._sampler, model, config, device, progress)
        self._held_out = None if validation is None else _HeldOut(validation, self, validation_config, progress)

    def draw(self, rows: Tensor, mine: slice, generator: torch.Generator) -> tuple[Tensor, ...]:
        samples = self._inputs.draw(rows, mine, generator), self._targets[rows[mine]]
        if not self._compares_surfaces:
            return samples
        assert self._sampler is not None
        points, _ = self._sampler.draw(rows, self.config.surface_points, (0.0,), generator, mine)
        return *samples, self._shape_codes[rows[mine]], points

    def settings(self, step: int) -> tuple[float, ...]:
        return ()

    def loss(self, codes: Tensor | None, settings: Tensor, *samples: Tensor) -> tuple[Tensor, Metrics]:
        """Mean squared standard score, and the mean distance of decoded surface points where that has a weight.

        Args:
            samples: occupancy (B, R, R, R) and learned codes (B, C), and for the distance shape codes (B, Cs) and
                points (B, P, 3) on the canonical surfaces.
        """
        occupancy, targets, *surfaces = samples
        with torch.autocast(occupancy.device.type, torch.bfloat16, enabled=self.half and occupancy.is_cuda):
            scores = self.network(occupancy)
        scores = scores.float()
        loss = (scores - (targets - self._mean) / self._scale).square().mean()
        metrics = {"code": loss.detach().sqrt()}
        if not surfaces:
            return loss, metrics
        shape_codes, points = surfaces
        predicted = self._mean + self._scale * scores
        if self.kind == "shape":
            learned = self.base.sdf(targets, points, self.half)
            distance = (self.base.sdf(predicted, points, self.half) - learned).abs().mean()
        else:
            learned = self.base.pose(shape_codes, targets, points, self.half)
            offsets = self.base.pose(shape_codes, predicted, points, self.half) - learned
            distance = (offsets.square().sum(-1) + 1e-8).sqrt().mean()  # smooth at zero
        return loss + self.config.surface_weight * distance, {**metrics, "surface": distance.detach()}

    def describe(self, rows: list[int]) -> str:
        return ", ".join(self._names[row] for row in rows)

    def model(self) -> NeuralParametricModel:
        encoder = copy.deepcopy(self.network)
        assert encoder.fc_out.bias is not None
        with torch.no_grad():
            encoder.fc_out.weight.mul_(self._scale[:, None, None])
            encoder.fc_out.bias.mul_(self._scale).add_(self._mean)
        if self.kind == "shape":
            return dataclasses.replace(self.base, shape_encoder=encoder).to(self._mean.device)
        return dataclasses.replace(self.base, pose_encoder=encoder).to(self._mean.device)

    def validate(self, seed: int) -> dict[str, float]:
        """Mean distance of surface points decoded with predicted codes from the truth, canonical units.

        For the shape that is the magnitude of the signed distance at points of the true surface.
        """
        return {} if self._held_out is None else self._held_out.error(self.model(), seed)


class _HeldOut:
    """Frames that training does not see, evenly spaced ones of them.

    Their pose codes are decoded with a shape code that is fitted to the true canonical surface, so that the metric of
    the pose encoder says nothing about the shape.
    """

    def __init__(
        self, dataset: RegisteredDataset, training: EncoderTraining, settings: Validation, progress: Progress
    ) -> None:
        count, model = len(dataset.labels), training.base
        kept = torch.linspace(0, count - 1, min(count, settings.rows)).round().long().tolist()
        dataset = dataclasses.replace(dataset, labels=tuple(dataset.labels[row] for row in kept))
        sampler = FlowSampler.load(dataset, model.device, progress)
        self.inputs = _inputs(dataset, sampler, model, training.config, model.device, progress)
        self.frames = torch.arange(len(kept), device=model.device)
        self.kind: Kind = training.kind
        generator = torch.Generator(model.device).manual_seed(0)
        self.canonical, self.posed = sampler.draw(self.frames, _VALIDATION_POINTS, (0.0,), generator)
        if self.kind == "pose":
            surface = torch.nn.functional.pad(self.canonical, (0, 1))  # signed distance 0
            self.shape_codes = fit_shape_codes(model, surface, settings.fit_steps, half=training.half)

    @torch.no_grad()
    def error(self, model: NeuralParametricModel, seed: int) -> dict[str, float]:
        occupancy = self.inputs.draw(self.frames, slice(None), torch.Generator(model.device).manual_seed(seed))
        if self.kind == "shape":
            assert model.shape_encoder is not None
            return {"surface": float(model.sdf(model.shape_encoder(occupancy), self.canonical).abs().mean())}
        assert model.pose_encoder is not None
        moved = model.pose(self.shape_codes, model.pose_encoder(occupancy), self.canonical)
        return {"surface": float((moved - self.posed).norm(dim=-1).mean())}


def pose_rows(dataset: RegisteredDataset, model: NeuralParametricModel) -> list[int]:
    """Row (N,) of the model's pose codes that each frame of ``dataset`` has, matched by name.

    Raises:
        InputError: the model lacks frames or identities.
    """
    identities = shape_rows(dataset, model.info)
    row_of = {(frame.identity, str(frame)): row for row, frame in enumerate(model.info.frames)}
    keys = [(int(identities[label.identity]), str(label)) for label in dataset.labels]
    missing = [
        f"{model.info.identities[identity]}/{frame}" for identity, frame in keys if (identity, frame) not in row_of
    ]
    if missing:
        problem = f"has no pose code of {len(missing)} frames of {dataset.root}, {missing[0]} first"
        raise InputError(f"model {model.info.name}", problem, "train the pose stage on these frames first")
    return [row_of[key] for key in keys]


def _inputs(
    dataset: RegisteredDataset,
    sampler: FlowSampler | None,
    model: NeuralParametricModel,
    config: EncoderStage,
    device: torch.device,
    progress: Progress,
) -> EncoderInputs:
    if config.inputs == "files":
        return FileInputs.load(dataset, config.resolution, device, progress)
    assert sampler is not None
    return RenderedInputs(sampler, model.info.similarity, config)
