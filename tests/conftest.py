"""What every test needs."""

import os
import tempfile

# Caches of checks and of verified shards go where they disappear; set before anything asks for the folder.
_CACHES = tempfile.TemporaryDirectory(prefix="faster-video-tests-")
os.environ["XDG_CACHE_HOME"] = _CACHES.name
