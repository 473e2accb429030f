"""What a recipe is, and the one training loop that runs them all."""

from zoo.training.recipe import Recipe, Stage

__all__ = ["Recipe", "Stage"]
