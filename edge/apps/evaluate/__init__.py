"""`edge evaluate`: a model package or a recipe, tried on pictures whose answer is known."""
