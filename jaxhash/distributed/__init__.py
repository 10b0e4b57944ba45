"""Devices and processes: the mapped step, and the joining of processes that share a run."""
