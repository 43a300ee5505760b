"""Tests of the node's modules."""
