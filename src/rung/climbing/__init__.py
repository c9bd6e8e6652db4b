"""The use case: one task up the ladder, from its files to a verdict and a saved solver."""

from rung.climbing.climber import Climber
from rung.climbing.observer import Observer, Several
from rung.climbing.run import climb
from rung.climbing.tools import ClimbOptions
from rung.climbing.winner import open_winner

__all__ = ["ClimbOptions", "Climber", "Observer", "Several", "climb", "open_winner"]
