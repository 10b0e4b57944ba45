"""Retrieval metrics, exact under ties: computed with NumPy from one histogram a query.

Every public function checks its arguments, and raises `UserError` for an invalid one
(`jaxhash.metrics.checks`).
"""
