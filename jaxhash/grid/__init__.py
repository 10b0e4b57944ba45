"""Many runs from one command: a product of settings, trained here or through SLURM, one table."""
