"""Datasets: builders found by name, downloads, shards, batches."""
