"""The rules of leasing as a model small enough to explore whole."""
