"""Deep hashing with attention, in JAX: networks that turn a picture into a few bits."""
