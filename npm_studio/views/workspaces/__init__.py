"""The five things that one does in the window, each with its panel on the right."""
