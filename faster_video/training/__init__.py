"""Labelled videos → a trained bundle: stage 1 for each backbone alone, stage 2 for the aggregator."""
