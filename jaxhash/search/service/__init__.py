"""The HTTP service of image search, with FastAPI."""
