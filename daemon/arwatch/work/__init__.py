"""Workers, and what is given to them."""
