"""What the benchmark of the network statistics is made of."""
