"""What every test needs."""

import os
import signal
import tempfile

# Caches of checks and of verified shards go where they disappear; set before anything asks for the folder.
_CACHES = tempfile.TemporaryDirectory(prefix="faster-video-tests-")
os.environ["XDG_CACHE_HOME"] = _CACHES.name

# A shell that starts the tests in the background has them ignore ctrl-C, which some of them send to themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)
