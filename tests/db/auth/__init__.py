"""Tests of the sign-in service on a real Postgres."""
