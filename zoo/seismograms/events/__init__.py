"""Whole events, all of their stations together: explosion or earthquake?"""
