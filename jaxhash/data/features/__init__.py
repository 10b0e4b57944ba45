"""The output of a frozen trunk, kept on disk: computed once, and read instead of images."""
