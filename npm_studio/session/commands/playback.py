"""Playback menu."""

from npm_studio.session.commands.command import Command, Menu

PLAY = Command(
    "playback.play",
    "&Play or Pause",
    "timeline.toggle",
    "Play the sequence, or pause it.",
    shortcut="Space",
    needs="has_clip",
    icon="play",
)
PREVIOUS = Command(
    "playback.previous",
    "P&revious Frame",
    "timeline.step_back",
    "One frame back.",
    shortcut="Left",
    needs="has_clip",
    icon="step-back",
)
NEXT = Command(
    "playback.next",
    "&Next Frame",
    "timeline.step_forward",
    "One frame on.",
    shortcut="Right",
    needs="has_clip",
    icon="step-forward",
)
LOOP = Command(
    "playback.loop",
    "&Loop",
    "timeline.set_loop",
    "Begin again at the end.",
    shortcut="Ctrl+L",
    checked="is_looping",
    icon="loop",
)

PLAYBACK = Menu(
    "&Playback",
    (
        PLAY,
        PREVIOUS,
        NEXT,
        Command("playback.first", "&First Frame", "timeline.first", "To the beginning.", "Home", "has_clip"),
        Command("playback.last", "L&ast Frame", "timeline.last", "To the end.", "End", "has_clip"),
        None,
        LOOP,
    ),
)
