"""Tests of the sign-in service without a database."""
