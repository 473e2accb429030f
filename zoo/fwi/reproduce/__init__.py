"""The experiments of Sun et al., repeated."""
