"""Devices and processes: the mapped step, and several processes that share a run."""
