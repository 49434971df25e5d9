"""In-flight batching: pure Python and NumPy, deterministic, engine-free."""

from core.scheduler.planner import PlannedStep
from core.scheduler.policy import SchedulerConfig
from core.scheduler.scheduler import Scheduler

__all__ = ["PlannedStep", "Scheduler", "SchedulerConfig"]
