"""Tests of the whole pool with real processes."""
