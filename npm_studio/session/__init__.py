"""What a window or a script has open, free of Qt and VTK."""
