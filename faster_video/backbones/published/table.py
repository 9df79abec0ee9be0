"""Every network published elsewhere that is declared here, by name."""

from faster_video.backbones.published.efficientnet import EFFICIENTNETS
from faster_video.backbones.published.r2plus1d_r50 import R2PLUS1D_R50
from faster_video.backbones.published.resnets import RESNETS
from faster_video.backbones.published.s3d import S3D_NETWORKS
from faster_video.backbones.published.spec import Published
from faster_video.backbones.published.transformers import TRANSFORMERS
from faster_video.backbones.published.video_resnets import VIDEO_RESNETS
from faster_video.backbones.published.vmz import VMZ_NETWORKS
from faster_video.backbones.published.x3d import X3D

NETWORKS = (
    *EFFICIENTNETS,
    *X3D,
    *RESNETS,
    R2PLUS1D_R50,
    *VIDEO_RESNETS,
    *S3D_NETWORKS,
    *TRANSFORMERS,
    *VMZ_NETWORKS,
)
PUBLISHED: dict[str, Published] = {each.name: each for each in NETWORKS}
