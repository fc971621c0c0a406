"""`edge teach`: pictures of good parts in, a model package, its recipe and the pictures themselves out."""
