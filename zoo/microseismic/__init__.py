"""Where did a microseismic event happen, and what kind of source was it? (Spurio Mancini et al. 2021)"""
