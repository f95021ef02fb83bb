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

A SESSION gives its series: the range of each batch over its index, the session's fold of
them as it grows, batches that are left out, missing, empty or not finite. Without one, or
with a GLOB (* any characters, ? one), the ranges of all sessions that match are drawn in one
picture, and those that stand out are red: the width's log2 is more than 3 interquartile
ranges, and a factor of 2, beyond the quartiles of the sessions with the same base name.

exit status: 0 done; 1 the file cannot be written; 2 wrong usage; 3 the server cannot be
reached; 4 there is no such session, it has no answer (yet), or matplotlib is missing."""

_STATUS = {
    "INVALID_ARGUMENT": 2,
    "UNAVAILABLE": 3,
    "NOT_FOUND": 4,
    "FAILED_PRECONDITION": 4,
    "DEADLINE_EXCEEDED": 4,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws what the arguments (None: the process's) ask for, and returns the exit status."""
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
        raise InvalidArgumentError(
            "--param, --averaging-constants and --exclude are of one SESSION's series"
        )
    # Before a server is asked.
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
        "-o", "--output", metavar="FILE", required=True, help="the picture: FILE.png or FILE.svg"
    )
    parser.add_argument(
        "--param",
        metavar="N",
        type=int,
        help="draw this parameter, by its position in the flattened qparam shape, from 0 "
        "(default: whole tensors)",
    )
    parser.add_argument(
        "--averaging-constants",
        metavar="C,C",
        type=_constants,
        default=(),
        help="moving averages to draw beside the session's own, each in [0, 1]",
    )
    parser.add_argument(
        "--exclude",
        metavar="RANGES",
        type=_ranges,
        default=(),
        help="batches to leave out, such as 17,40-47 (the last is left out, too)",
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
        help="how long connecting and each question may take (default: 60)",
    )
    return parser


def _constants(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers with commas between") from None


def _ranges(text: str) -> tuple[range, ...]:
    """17,40-47: indices, and ranges with both ends in them."""
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
