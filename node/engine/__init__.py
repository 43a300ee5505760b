"""Simulation engines behind one seam."""
