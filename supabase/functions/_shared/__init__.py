"""What the HTTP handlers share: one small ASGI runtime."""

__version__ = "0.1.0"
