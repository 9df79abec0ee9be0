"""The same work on many machines, through Ray Data (docs/cluster.md)."""

from faster_video.cluster.connection import Cluster, connected
from faster_video.cluster.extract import shards_on_cluster, shared_out
from faster_video.cluster.predict import predict_on_cluster
from faster_video.cluster.share import Share, share_out

__all__ = [
    "Cluster",
    "Share",
    "connected",
    "predict_on_cluster",
    "shards_on_cluster",
    "share_out",
    "shared_out",
]
