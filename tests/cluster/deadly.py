"""Workers that some files kill: `deadly.py ADDRESS BUNDLE VIDEO...` prints the error of every row as JSON."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from ray import cloudpickle

from faster_video.bundle import load_bundle
from faster_video.cluster import Share, connected
from faster_video.cluster.pool import Pool
from faster_video.cluster.worker import PredictionWorker, task_of
from faster_video.predictions import Work, local_sources


class Deadly(PredictionWorker):
    """Dies of `deadly` files each time and of `once` files the first time, having made them; `strange` ones raise."""

    def _rows(self, sources):  # type: ignore[no-untyped-def]
        for source in sources:
            place = Path(source.place)
            if "deadly" in source.name or ("once" in source.name and not place.exists()):
                shutil.copyfile(place.with_name("00.mp4"), place)
                os.kill(os.getpid(), signal.SIGKILL)
            if "strange" in source.name:
                raise ZeroDivisionError("no decoder's error")
        return super()._rows(sources)


def main(address: str, bundle: str, *videos: str) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # its machines do not have the tests
    sources = local_sources(map(Path, videos))
    work = Work(bundle=load_bundle(bundle), device="cpu", top=1)
    with connected(address):
        pool = Pool(Deadly, work, Share(workers=1, cores=1, gpus=0, device="cpu"))
        (table,) = pool.results([task_of(range(len(sources)), sources)])
    print(json.dumps({Path(row["path"]).stem: row["error"] for row in table.to_pylist()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
