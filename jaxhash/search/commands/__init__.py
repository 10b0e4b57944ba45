"""The commands of image search, one file each."""
