"""A trained network to use: encode images, show its attention, export it."""
