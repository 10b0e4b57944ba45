"""Image search: encode a collection, keep its codes, find what is like a picture."""
