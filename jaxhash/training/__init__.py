"""Training: the loop, the experiment that it runs, the step, optimizers, preemption."""
