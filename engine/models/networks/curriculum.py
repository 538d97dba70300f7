"""Curriculum of the shape stage (Duan et al. 2020, Curriculum DeepSDF, with the numbers of Palafox et al. 2021).

The network starts with the layers up to the skip and grows by one layer at a time, while the loss gets stricter.
"""

from engine.models.networks.decoder import DecoderConfig

STARTS = (0.1, 0.3, 0.5)
"""Shares of the training at which the stages after the first one begin."""
FADE = 0.1
"""Fraction of the training over which a new layer fades in."""
_TOLERANCE_AND_HARDNESS = ((0.025, 0.0), (0.01, 0.1), (0.0025, 0.2), (0.0, 0.5))


def curriculum_depth(epoch: float, epochs: int, config: DecoderConfig) -> float:
    """Number of hidden layers in use at ``epoch`` of ``epochs``, for `Decoder.forward`; a fraction fades in a layer.

    Decoders of the published size begin with 5 of their 8 layers. The skip layer is always in use: with fewer layers
    after it than stages, the last stages have nothing to add.
    """
    fade = max(1, int(FADE * epochs))
    grown = sum(min(1.0, max(0.0, (epoch - int(fraction * epochs)) / fade)) for fraction in STARTS)
    return min(float(config.layers), max(config.skip_layer + 1, config.layers - len(STARTS)) + grown)


def curriculum_loss(epoch: float, epochs: int) -> tuple[float, float]:
    """Tolerance below which errors cost nothing, and extra weight of points on the wrong side, at ``epoch``."""
    stage = sum(epoch >= int(fraction * epochs) for fraction in STARTS)
    return _TOLERANCE_AND_HARDNESS[stage]
