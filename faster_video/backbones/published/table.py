"""Every network published elsewhere that is declared here, by name."""

from faster_video.backbones.published.efficientnet import EFFICIENTNETS
from faster_video.backbones.published.r2plus1d_r50 import R2PLUS1D_R50
from faster_video.backbones.published.resnets import RESNETS
from faster_video.backbones.published.spec import Published
from faster_video.backbones.published.x3d import X3D

PUBLISHED: dict[str, Published] = {each.name: each for each in (*EFFICIENTNETS, *X3D, *RESNETS, R2PLUS1D_R50)}
