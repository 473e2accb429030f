"""Phase-velocity maps of Rayleigh waves: published ones and a user's own."""
