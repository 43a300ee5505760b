"""The pure parts of the REST API."""
