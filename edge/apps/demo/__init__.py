"""The virtual line: a conveyor with products and defects, its sensor and gate, and its own truth."""
