"""Realtime against a real database."""
