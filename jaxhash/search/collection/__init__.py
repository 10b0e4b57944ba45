"""Collections of images: listing, decoding, and bringing an index up to date with them."""
