"""Model packages that travel with the product, and the tools that rebuild them. Imports `edge`, never the other way."""
