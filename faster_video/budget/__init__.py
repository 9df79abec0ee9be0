"""How little a bundle may look at: calibrated probabilities, when to stop, what gives most for a budget."""

from faster_video.budget.calibrate import Calibrated, calibrate
from faster_video.budget.gate_training import GateTraining, train_gate
from faster_video.budget.plan import Budget, Plan, Setting, plan
from faster_video.budget.replay import Replay, replay, replay_videos

__all__ = [
    "Budget",
    "Calibrated",
    "GateTraining",
    "Plan",
    "Replay",
    "Setting",
    "calibrate",
    "plan",
    "replay",
    "replay_videos",
    "train_gate",
]
