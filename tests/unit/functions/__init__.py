"""Tests of the HTTP handlers without any I/O."""
