"""Retrieval metrics: exact under ties, in blocks, on packed codes. NumPy alone."""
