"""Models of crust."""
