"""Labelled videos → a trained bundle: stage 1 for each backbone alone, stage 2 for the aggregator."""

import os

# Else the bits of MKL's sums depend on where in memory its numbers lie. Read when MKL is first used.
os.environ.setdefault("MKL_CBWR", "AUTO")
