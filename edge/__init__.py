"""Quality inspection on the device: frames in, verdicts out, nothing passes unjudged."""

__version__ = "0.1.0"
