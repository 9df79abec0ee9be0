"""The same work on many machines, through Ray Data (docs/cluster.md).

Predictions are in `predict`, feature stores in `extract`; a worker loads only what it needs of them.
"""

from faster_video.cluster.connection import Cluster, connected
from faster_video.cluster.share import Share, share_out

__all__ = ["Cluster", "Share", "connected", "share_out"]
