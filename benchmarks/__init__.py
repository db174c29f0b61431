"""Ratios against peers and floors, measured side by side in one run: ``python -m benchmarks``."""
