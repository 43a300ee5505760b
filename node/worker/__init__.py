"""Workers that run chunks."""
