"""Collections of images: where they are listed from, and how an index is brought up to date."""
