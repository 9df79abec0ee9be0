"""Every network published elsewhere that is declared here, by name."""

from faster_video.backbones.published.efficientnet import EFFICIENTNETS
from faster_video.backbones.published.spec import Published

PUBLISHED: dict[str, Published] = {each.name: each for each in (*EFFICIENTNETS,)}
