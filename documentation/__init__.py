"""The pages of `docs/` that are made from the code, and a look at the site that is made of all of them."""
