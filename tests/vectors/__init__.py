"""Signed requests shared by the tests of both sides."""
