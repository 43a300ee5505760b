"""Tests of the stand-in without a database."""
