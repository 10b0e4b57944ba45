"""Image search over HTTP."""
