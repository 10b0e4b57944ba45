"""Training: the loop, what a config names, the step, optimizers, progress, preemption."""
