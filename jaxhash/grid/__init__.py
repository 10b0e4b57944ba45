"""Grids of runs: a product of settings, trained here or through SLURM, and one table."""
