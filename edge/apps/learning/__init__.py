"""`edge learning`: correct a taught detector, and see what another version would say of known parts."""
