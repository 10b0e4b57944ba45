"""Retrieval metrics: exact under ties, from one histogram a query. NumPy alone."""
