"""How thick is the crust? (Cheng et al. 2019)"""
