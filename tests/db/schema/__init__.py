"""Behaviour of the schema, tested through the functions that nodes and users call."""
