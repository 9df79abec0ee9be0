"""What is to be done with every video, as one value that can be sent to another process."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from faster_video.bundle import Bundle
from faster_video.engine import AUTO, FLOAT32
from faster_video.files import printable
from faster_video.inference import Classifier
from faster_video.policy import StopRule


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """Which bundle classifies, how, and how much of its answers is kept."""

    bundle: Bundle
    """Under the pattern, gate and number of clips asked for."""
    stop: StopRule | None = None
    device: str = "auto"
    engine: str = AUTO
    precision: str = FLOAT32
    calibrate: Path | None = None
    """Folder of videos that int8 needs."""
    videos: int | None = None
    """How many are to come."""
    top: int = 5
    """Labels that are kept of every video."""

    def classifier(self) -> Classifier:
        """A classifier of its own for the process that calls; raises as `Classifier` does."""
        return Classifier(
            self.bundle,
            self.device,
            self.engine,
            precision=self.precision,
            calibrate=self.calibrate,
            videos=self.videos,
            stop=self.stop,
        )

    @property
    def settings(self) -> dict[str, object]:
        """What must be the same for two runs to write into one folder."""
        config = self.bundle.config
        written = json.dumps(asdict(config), sort_keys=True, ensure_ascii=False)
        return {
            "weights_sha256": config.weights_sha256,
            "pattern": self.bundle.model.chosen_by,
            "num_clips": config.clips.num_clips,
            "stop": None if self.stop is None else str(self.stop),
            "engine": self.engine,
            "precision": self.precision,
            "calibrate": None if self.calibrate is None else printable(self.calibrate.absolute()),
            "top": self.top,
            "config_sha256": hashlib.sha256(written.encode()).hexdigest(),
        }
