"""The pure parts of Realtime."""
