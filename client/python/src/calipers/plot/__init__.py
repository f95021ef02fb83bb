"""Pictures of series and of runs, drawn with matplotlib (the extra calipers[plot] installs it).

Callers use `Session.plot`, `Client.plot` or the program calipers-plot.
"""

from __future__ import annotations

from calipers.plot.fold import check_constants
from calipers.plot.output import require, write
from calipers.plot.run_picture import draw_run
from calipers.plot.series_picture import draw_series
from calipers.plot.series_view import view_of

__all__ = ["check_constants", "draw_run", "draw_series", "require", "view_of", "write"]
