"""The node: one agent on one machine that runs chunks for the pool."""
