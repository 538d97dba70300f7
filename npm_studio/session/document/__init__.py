"""The open document, free of Qt and VTK."""
