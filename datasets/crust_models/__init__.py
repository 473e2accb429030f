"""Published models of crustal thickness, for comparison."""
