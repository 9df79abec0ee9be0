"""Clip networks published elsewhere, whose weights are loaded as they come."""
