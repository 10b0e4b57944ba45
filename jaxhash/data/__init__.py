"""Data: sources (TFDS), protocols (seeded splits), the order of batches, pixels on the device."""
