"""A bundle for programs that know nothing of this package: three graphs, and what must be known to run them."""

from faster_video.export.formats import FORMATS
from faster_video.export.write import EXAMPLE, Exported, export_bundle, require_exportable

__all__ = ["EXAMPLE", "FORMATS", "Exported", "export_bundle", "require_exportable"]
