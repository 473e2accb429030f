"""Networks on windows of seismograms, their scores, and what their recipes share."""
