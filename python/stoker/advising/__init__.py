"""What to change so that training waits less: measured on some samples, predicted for all, checked after."""

from stoker.advising.advice import Advice, LoadingPlan, Outcome
from stoker.advising.choosing import advise

__all__ = ["Advice", "LoadingPlan", "Outcome", "advise"]
