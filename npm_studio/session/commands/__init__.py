"""Every menu entry and shortcut as data."""
