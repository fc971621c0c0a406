"""Workshop tools: they run on a developer's machine and are never imported by a service."""
