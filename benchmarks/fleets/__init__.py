"""A simulated fleet of nodes: what it asks of the database, what it measures, and its chart."""
