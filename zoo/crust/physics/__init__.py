"""Physics of crust."""
