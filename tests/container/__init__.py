"""Postgres in a container, for tests."""
