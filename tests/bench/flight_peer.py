"""Arrow Flight's DoPut: a server that discards tensors, and a client that sends them.

The client sends tensors as record batches with one uint16 column, with one stream in each thread,
and prints the seconds.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import flight


class Discard(flight.FlightServerBase):
    """Reads and discards every batch."""

    def do_put(self, context, descriptor, reader, writer) -> None:
        for _ in reader:
            pass


def serve(port_file: Path) -> None:
    server = Discard("grpc://127.0.0.1:0")
    port_file.write_text(f"{server.port}\n")
    server.serve()


def batches_of(tensor: int, piece: int) -> list[pa.RecordBatch]:
    """The pieces of a tensor of 16-bit elements, as views of the whole tensor. A single repeated
    piece would stay in the client's cache."""
    values = pa.array(np.full(tensor // 2, 0x3B3B, dtype=np.uint16))
    return [
        pa.record_batch([values.slice(start, piece // 2)], names=["data"])
        for start in range(0, tensor // 2, piece // 2)
    ]


def send(target: str, streams: int, piece: int, tensor: int, tensors: int) -> float:
    """The seconds until all streams are finished."""
    batches = batches_of(tensor, piece)
    descriptor = flight.FlightDescriptor.for_path("bench")
    ready = threading.Barrier(streams + 1)
    failures: list[BaseException] = []

    def stream() -> None:
        try:
            client = flight.connect(f"grpc://{target}")
            client.wait_for_available(30)
            ready.wait()
            writer, _ = client.do_put(descriptor, batches[0].schema)
            for _ in range(tensors):
                for batch in batches:
                    writer.write_batch(batch)
            writer.close()
        except BaseException as failure:
            failures.append(failure)
            ready.abort()
            raise

    threads = [threading.Thread(target=stream) for _ in range(streams)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, help="serve, and write the port here")
    parser.add_argument("--target", help="HOST:PORT to send to")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--piece-bytes", type=int, default=1 << 20)
    parser.add_argument("--tensor-bytes", type=int, default=64 << 20)
    parser.add_argument("--tensors", type=int, default=4, help="of each stream")
    arguments = parser.parse_args()
    if arguments.port_file:
        serve(arguments.port_file)
        return
    print(
        send(
            arguments.target,
            arguments.streams,
            arguments.piece_bytes,
            arguments.tensor_bytes,
            arguments.tensors,
        )
    )


if __name__ == "__main__":
    main()
