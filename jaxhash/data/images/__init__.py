"""Pictures: the decoder of picture files, and images stored on disk."""
