"""The REST API against a real Postgres."""
