"""Files become passages; the library keeps them."""
