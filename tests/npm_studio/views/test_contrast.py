"""Text can be read: 4.5 times as light or dark as what is behind it (WCAG 2.1, 1.4.3), in both themes."""

import pytest
from PyQt6.QtGui import QColor

from npm_studio.views.theme import DARK, LIGHT, Theme, faded_text, mixed
from npm_studio.views.widgets.badge import colours_of


def luminance(colour: str) -> float:
    red, green, blue = (
        share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4
        for share in QColor(colour).getRgbF()[:3]  # type: ignore[union-attr]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_text_is_readable_on_every_ground(theme: Theme) -> None:
    for ground in (theme.panel, theme.field, mixed(theme.field, theme.accent, 0.10)):  # the last: of a chosen card
        assert contrast(theme.text, ground) > 7
        assert contrast(theme.muted, ground) > 4.5
        for tone in ("good", "warn", "bad"):
            text, behind = colours_of(tone, theme)
            assert contrast(text, mixed(ground, behind.name(), behind.alphaF())) > 4.5, tone
    assert contrast(theme.text, mixed(theme.field, theme.accent, 0.35)) > 4.5  # of a chosen line
    assert contrast(theme.accent_text, theme.primary) > 4.5
    assert contrast(faded_text(theme), theme.panel) > 2.5  # of what cannot be used, which need not be read as easily


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_boxes_to_tick_are_seen(theme: Theme) -> None:
    assert contrast(theme.muted, theme.panel) > 3  # their border
