"""calipers-plot: the program behind `calipers plot`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import calipers
from calipers.errors import CalipersError, InvalidArgumentError

_USAGE = """\
examples:
  calipers-plot model.layers.0.mlp.up_proj/input -o series.svg
  calipers-plot model.layers.0.mlp.up_proj/input -o series.png --averaging-constants 0.1,1
  calipers-plot model.layers.0.mlp.up_proj/input -o without.svg --exclude 17,40-47
  calipers-plot model.layers.0.self_attn.q_proj/weight -o group.svg --param 3
  calipers-plot -o run.svg
  calipers-plot '*.mlp.*/input' -o mlp.png

With a SESSION, the picture shows its series: the range of each batch over the batch index,
the session's fold after each batch, and batches that are excluded, missing, empty or not
finite. With a GLOB (* any characters, ? one character) or without SESSION, the picture shows
the ranges of all matching sessions. Outliers are red: the log2 of an outlier's width is more
than 3 interquartile ranges, and more than a factor of 2, beyond the quartiles of the sessions
with the same base name.

exit status: 0 done; 1 the file cannot be written; 2 wrong usage; 3 the server cannot be
reached; 4 the session does not exist or has no answer yet, or matplotlib is missing."""

_STATUS = {
    "INVALID_ARGUMENT": 2,
    "UNAVAILABLE": 3,
    "NOT_FOUND": 4,
    "FAILED_PRECONDITION": 4,
    "DEADLINE_EXCEEDED": 4,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws a picture for the arguments (None: sys.argv), and returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _draw(options)
    except CalipersError as error:
        return _fail(f"{error.code}: {error.message}", _STATUS.get(error.code, 1))
    except ImportError as error:
        return _fail(str(error), 4)
    except OSError as error:
        return _fail(f"cannot write {options.output}: {error.strerror or error}", 1)
    print(options.output)
    return 0


def _fail(message: str, status: int) -> int:
    print(f"calipers-plot: {message}", file=sys.stderr)
    return status


def _draw(options: argparse.Namespace) -> None:
    name = options.session
    of_run = not name or "*" in name or "?" in name
    of_series = options.param is not None or options.averaging_constants or options.exclude
    if of_run and of_series:
        raise InvalidArgumentError("--param, --averaging-constants and --exclude need one SESSION")
    # Checked before connecting to the server.
    calipers.plot.require(options.output)
    with calipers.connect(options.server, run=options.run, timeout=options.timeout) as client:
        if of_run:
            client.plot(name, options.output)
            return
        client.session(name).plot(
            options.output,
            param=options.param,
            averaging_constants=options.averaging_constants,
            exclude=options.exclude,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="calipers-plot",
        description="Draws a session's series, or the ranges of a run.",
        epilog=_USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "session", metavar="SESSION", nargs="?", default="", help="MODULE/BASE_NAME, or a GLOB"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="output file: FILE.png or FILE.svg"
    )
    parser.add_argument(
        "--param",
        metavar="N",
        type=int,
        help="draw one parameter, given by its position in the flattened qparam shape, from 0 "
        "(default: draw the range of whole tensors)",
    )
    parser.add_argument(
        "--averaging-constants",
        metavar="C,C",
        type=_constants,
        default=(),
        help="draw moving averages with these constants too, each in [0, 1]",
    )
    parser.add_argument(
        "--exclude",
        metavar="RANGES",
        type=_ranges,
        default=(),
        help="batches to leave out, such as 17,40-47 (both ends of a range are left out)",
    )
    parser.add_argument(
        "--server",
        metavar="HOST:PORT",
        help="the server (default: $CALIPERS_SERVER, else 127.0.0.1:50051)",
    )
    parser.add_argument("--run", help='the run (default: $CALIPERS_RUN, else "default")')
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="timeout of connecting and of each query (default: 60)",
    )
    return parser


def _constants(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of numbers separated by commas"
        ) from None


def _ranges(text: str) -> tuple[range, ...]:
    """Parses indices and ranges such as 17,40-47. A range includes both ends."""
    ranges = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise argparse.ArgumentTypeError(f"{part!r} is neither an index nor FIRST-LAST")
        begin, end = int(first), int(last or first)
        if end < begin:
            raise argparse.ArgumentTypeError(f"{part!r} ends before it begins")
        ranges.append(range(begin, end + 1))
    return tuple(ranges)


if __name__ == "__main__":
    sys.exit(main())
