"""The shape stage: shape decoder and one shape code per identity, from pools of signed distances."""

import copy

import torch
from torch import Tensor

from engine.core.progress import Progress
from engine.dataset.fingerprint import data_note
from engine.dataset.registered import RegisteredDataset
from engine.evaluate.code_fitting import fit_shape_codes
from engine.models.labels import ModelInfo
from engine.models.model import NeuralParametricModel
from engine.models.networks.curriculum import curriculum_depth, curriculum_loss
from engine.models.networks.decoder import ShapeDecoder
from engine.training.config import TrainingConfig
from engine.training.losses import clamped_distance_loss, gradient_losses
from engine.training.pool_samples import PoolSampler
from engine.training.stage import Metrics, grown, open_bands

_VALIDATION_POINTS = 8192


class ShapeTraining:
    """See `engine.training.stage.TrainingStage`."""

    name = "shape"
    capturable = True
    weight_decay = 0.0

    def __init__(
        self,
        dataset: RegisteredDataset,
        config: TrainingConfig,
        half: bool,
        device: torch.device,
        validation: RegisteredDataset | None,
        progress: Progress,
    ) -> None:
        """
        Raises:
            InputError: pools are missing or damaged.
        """
        self.config, self.half, self.device = config, half, device
        self.stage = config.shape
        self.schedule, self.data = self.stage.schedule, data_note(dataset, frames=False)
        self.info = ModelInfo(
            name=config.name,
            category=dataset.category,
            licence=dataset.licence,
            similarity=dataset.similarity,
            identities=dataset.identities,
            identity_datasets=tuple(stored.dataset for stored in dataset.stored),
        )
        size = self.stage.code_size
        self.network = ShapeDecoder(size, self.stage.decoder).to(device)
        self.codes = (torch.randn(len(dataset.identities), size) / size).to(device)
        self.rows, self.rows_per_batch = len(dataset.identities), self.stage.identities_per_batch
        self.pools = PoolSampler.load(dataset, device, progress)
        self._needs_gradient = self.stage.eikonal_weight > 0 or self.stage.normal_weight > 0
        self.compilable = not self._needs_gradient  # PyTorch does not compile second derivatives
        self._held_out: PoolSampler | None = None
        if validation is not None:
            count = len(validation.identities)
            rows = torch.linspace(0, count - 1, min(count, config.validation.rows)).round().int().tolist()
            self._held_out = PoolSampler.load(validation, device, progress, rows)

    def draw(self, rows: Tensor, mine: slice, generator: torch.Generator) -> tuple[Tensor, ...]:
        near = round(self.stage.near_share * self.stage.points_per_identity)
        samples = self.pools.draw(rows, mine, near, self.stage.points_per_identity - near, generator)
        if not self._needs_gradient:
            return (samples,)
        return samples, self.pools.draw_surface(rows, mine, self.stage.gradient_points, generator)

    def settings(self, step: int) -> tuple[float, ...]:
        stage, steps = self.stage, self.schedule.steps
        tolerance, hardness = curriculum_loss(step, steps) if stage.curriculum else (0.0, 0.0)
        return (
            grown(stage.code_weight, stage.code_weight_warmup, step),
            tolerance,
            hardness,
            curriculum_depth(step, steps, stage.decoder),
            open_bands(stage.decoder.frequencies, stage.frequency_warmup, step),
        )

    def loss(
        self, codes: Tensor | None, settings: Tensor, samples: Tensor, surface: Tensor | None = None
    ) -> tuple[Tensor, Metrics]:
        assert codes is not None
        stage = self.stage
        code_weight, tolerance, hardness, depth, alpha = settings.unbind()
        alpha_or_all = alpha if stage.frequency_warmup else None
        depth_or_all = depth if stage.curriculum else None
        predicted = self.network(codes, samples[..., :3], self.half, alpha_or_all, depth_or_all)
        true = samples[..., 3]
        loss = clamped_distance_loss(predicted, true, stage.clamp, tolerance, hardness)
        metrics = {"sdf": clamped_distance_loss(predicted.detach(), true, stage.clamp) if stage.curriculum else loss}
        prior = codes.square().mean()
        metrics["code"] = prior.sqrt()
        loss = loss + code_weight * prior
        if surface is not None:
            eikonal, normal = gradient_losses(
                self.network, codes, surface[..., :3], surface[..., 3:], alpha_or_all, depth_or_all
            )
            loss = loss + stage.eikonal_weight * eikonal + stage.normal_weight * normal
            metrics |= {"eikonal": eikonal, "normal": normal}
        return loss, {name: value.detach() for name, value in metrics.items()}

    def describe(self, rows: list[int]) -> str:
        return ", ".join(self.info.identities[row] for row in rows)

    def model(self) -> NeuralParametricModel:
        return NeuralParametricModel(self.info, copy.deepcopy(self.network), self.codes.clone()).to(self.device)

    def validate(self, seed: int) -> dict[str, float]:
        """Mean clamped difference on held-out identities, whose codes are fitted to other samples first."""
        if self._held_out is None:
            return {}
        model, generator = self.model(), torch.Generator(self.device).manual_seed(seed)
        identities = torch.arange(len(self._held_out.near), device=self.device)
        near = round(self.stage.near_share * _VALIDATION_POINTS)
        fitted, held = (
            self._held_out.draw(identities, slice(None), near, _VALIDATION_POINTS - near, generator) for _ in range(2)
        )
        codes = fit_shape_codes(model, fitted, steps=self.config.validation.fit_steps, seed=seed, half=self.half)
        with torch.no_grad():
            predicted = model.sdf(codes, held[..., :3], self.half)
            return {"sdf": float(clamped_distance_loss(predicted, held[..., 3], self.stage.clamp))}
