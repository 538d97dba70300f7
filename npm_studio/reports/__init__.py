"""Reports, model cards, curves, pictures, videos and exports."""
