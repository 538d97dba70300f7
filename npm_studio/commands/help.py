"""Help menu."""

from npm_studio.commands.command import Command, Menu

HELP = Menu(
    "&Help",
    (
        Command("help.shortcuts", "&Shortcuts", "show_shortcuts", "List all keyboard shortcuts.", shortcut="F1"),
        Command("help.about", "&About NPM Studio", "show_about", "Version, licence and graphics of this program."),
    ),
)
