"""The process that fuzzes: `fuzz.py` starts it, and another where it is lost.

    python tests/hostile/fuzz_child.py FOLDER RUNS SEED

FOLDER has `seeds/`; the child keeps in `grown/` the files that reached something new, in `found/` those that it finds
wrong, in `now/` the file that it is at, and writes a line of JSON for each to `log.jsonl`.
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from random import Random

import atheris
import av
import numpy  # noqa: F401 - loaded before what is measured
import torch
from mutation import MOST_BYTES, mutated

with atheris.instrument_imports(
    include=["faster_video.video", "faster_video.inference.decoding", "faster_video.clips"]
):
    from examine import WRONG, examine, limit_memory

SUFFIXES = ("", ".mp4", ".avi", ".mkv", ".ts", ".h264", ".gif", ".mjpeg")
"""A file's content says which it has: FFmpeg looks at it too."""
MOST_WORDS = 5000
"""Different things said that count as coverage."""


class Fuzzer:
    """What is done with each file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seeds = [path.read_bytes() for path in sorted((folder / "seeds").iterdir())]
        self._log = (folder / "log.jsonl").open("a")
        self._seen: dict[str, Callable[[], None]] = {}

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Another file made of this one."""
        return mutated(data, self.seeds, Random(seed))[:max_size]

    def examine(self, data: bytes) -> None:
        """Write the file, decode it, and note what came of it."""
        digest = blake2b(data, digest_size=8).hexdigest()
        path = self._folder / "now" / f"file{SUFFIXES[int(digest[0], 16) % len(SUFFIXES)]}"
        path.write_bytes(data)
        with av.logging.Capture() as logs:
            verdict = examine(path)
        for said in {verdict.said, *(f"{name} {text}" for _, name, text in logs)}:
            self._see(said)
        if verdict.kind == WRONG:
            kept = self._folder / "found" / f"{digest}{path.suffix}"
            kept.write_bytes(data)
        print(json.dumps({"digest": digest} | asdict(verdict)), file=self._log, flush=True)
        path.unlink()

    def _see(self, said: str) -> None:
        """Let what FFmpeg or we say count as a place of the program: FFmpeg itself is not instrumented."""
        words = re.sub(r"0x[0-9a-f]+|[0-9]+|[^ -~]", "", said)[:60]
        if words not in self._seen and len(self._seen) < MOST_WORDS:
            space: dict[str, Callable[[], None]] = {}
            exec("def place() -> None: pass", space)  # a new function is a new place
            self._seen[words] = atheris.instrument_func(space["place"])
        if words in self._seen:
            self._seen[words]()


def main() -> None:
    """Fuzz until so many files were executed."""
    folder, runs, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    av.logging.set_level(av.logging.WARNING)
    fuzzer = Fuzzer(folder)
    limit_memory()
    flags = [f"-runs={runs}", f"-seed={seed}", f"-max_len={MOST_BYTES}", f"-artifact_prefix={folder}/found/"]
    # The process that started this one looks after time and memory.
    flags += ["-timeout=3600", "-rss_limit_mb=0", "-len_control=0", "-verbosity=1", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, str(folder / "grown")], fuzzer.examine, custom_mutator=fuzzer.mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
