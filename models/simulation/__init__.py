"""The simulator: reactions, running sessions, action spaces, patience."""

from models.simulation.patience import Patience
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import Responses, UserSimulator
from models.simulation.step_result import StepResult

__all__ = ["EnvironmentSettings", "Patience", "Responses", "Sessions", "StepResult", "UserSimulator"]
