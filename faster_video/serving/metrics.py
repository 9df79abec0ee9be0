"""What a server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BATCHES = (1, 2, 3, 4, 6, 8)
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "faster_video_requests",
            "HTTP requests by endpoint and status.",
            ("endpoint", "status"),
            registry=self._registry,
        )
        self.videos = Counter(
            "faster_video_videos",
            "Videos by outcome: answered, failed (no video), unwanted or broken (the server could not do it).",
            ("outcome",),
            registry=self._registry,
        )
        self.clips = Counter(
            "faster_video_clips",
            "Clips answered, of videos and streams, by network.",
            ("network",),
            registry=self._registry,
        )
        self.gmacs = Counter(
            "faster_video_gmacs", "Billions of multiply-adds spent, of videos and streams.", registry=self._registry
        )
        self.upload_bytes = Counter(
            "faster_video_upload_bytes", "Bytes of request bodies that were read.", registry=self._registry
        )
        self.seconds = Histogram(
            "faster_video_video_seconds",
            "From a request's last byte to its answer.",
            registry=self._registry,
            buckets=SECONDS,
        )
        self.together = Histogram(
            "faster_video_batch_size",
            "Videos or streams that were computed together, by what was computed.",
            ("kind",),
            registry=self._registry,
            buckets=BATCHES,
        )
        self.waiting = Gauge("faster_video_waiting", "Files being worked on or waiting.", registry=self._registry)
        self.uploads = Gauge("faster_video_uploads", "Request bodies that are coming.", registry=self._registry)
        self.streams = Gauge("faster_video_streams", "Streams that are open.", registry=self._registry)
        self.stream_answers = Counter("faster_video_stream_answers", "Answers to streams.", registry=self._registry)

    def batch(self, kind: str, size: int) -> None:
        """Note that so many videos went through `expensive`, `cheap`, `gate` or `fold` together."""
        self.together.labels(kind).observe(size)

    def clip(self, gmacs: float, *, expensive: bool) -> None:
        """Note a clip that was answered and what it cost."""
        self.clips.labels("expensive" if expensive else "cheap").inc()
        self.gmacs.inc(gmacs)

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)
