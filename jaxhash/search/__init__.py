"""Image search: encodes a collection, stores its codes, and finds pictures similar to a query."""
