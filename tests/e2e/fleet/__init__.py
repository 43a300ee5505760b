"""Tests that share one fleet of nodes, which they break and mend."""
