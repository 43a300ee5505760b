"""The simulation engines."""
