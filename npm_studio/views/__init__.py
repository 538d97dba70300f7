"""Windows, panels and viewports."""
