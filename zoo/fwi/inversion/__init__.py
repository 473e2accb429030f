"""From shots to velocities: a survey on a grid, misfits, optimizers, the fit, and the folder of results."""
