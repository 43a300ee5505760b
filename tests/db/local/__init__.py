"""Tests of the stand-in against Postgres."""
