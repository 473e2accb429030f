"""Networks on maps of seismicity, what trains them, and gradient boosting to compare them with."""
