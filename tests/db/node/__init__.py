"""The node against a real stand-in."""
