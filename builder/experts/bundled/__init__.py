"""The archives that come with the package, and the program that trained them."""
