"""The application and its command line; the only package that imports Qt or VTK."""
