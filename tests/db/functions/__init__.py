"""Tests of the HTTP handlers on a real Postgres."""
