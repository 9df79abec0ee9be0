"""Two published networks and videos without labels to a bundle: a mixed run learns the expensive one's answers."""

from faster_video.distillation.agreement import Agreement, agreement_table
from faster_video.distillation.networks import distillation_pair
from faster_video.distillation.run import Distillation, Distilled, distill, require_no_other_bundle
from faster_video.distillation.start import start_as_average

__all__ = [
    "Agreement",
    "Distillation",
    "Distilled",
    "agreement_table",
    "distill",
    "distillation_pair",
    "require_no_other_bundle",
    "start_as_average",
]
