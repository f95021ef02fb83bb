"""Checks that the service refuses the same sessions as the reference."""

from __future__ import annotations

import grpc

from cases import ACCEPTED, BASE_NAMES, STRATEGIES
from compare import Tally
from references import Reference, WorkerError, series_job
from service import Service, quantization_args

SHAPES = {"weight": (4, 6), "input": (2, 4, 6), "output": (2, 4, 6)}
ATTENTION_SHAPE = (2, 3, 4, 6)


def _cuts(strategy: str) -> dict:
    if strategy == "block":
        return {"block_structure": (2, 3)}
    return {"group_size": 2} if strategy in ("group", "tensor_group") else {}


def _reference_refuses(reference: Reference, base_name: str, strategy: str) -> bool:
    shape = SHAPES.get(base_name, ATTENTION_SHAPE)
    count = 1
    for size in shape:
        count *= size
    job = series_job(
        "F32",
        [(shape, bytes(4 * count))],
        (1,),
        base_name=base_name,
        strategy=strategy,
        **_cuts(strategy),
    )
    try:
        reference.run(job)
    except WorkerError:
        return True
    return False


def _service_says(service: Service, base_name: str, strategy: str) -> str:
    args = quantization_args(strategy, **_cuts(strategy))
    try:
        name = service.create(f"refusal.{strategy}", base_name, args)
    except grpc.RpcError as error:
        return error.code().name
    service.delete(name)
    return "OK"


def check_refusals(service: Service, references: dict[str, Reference]) -> Tally:
    """Compares the acceptance of every base name and strategy with every version; each comparison
    counts as one value."""
    tally = Tally()
    for base_name in BASE_NAMES:
        for strategy in STRATEGIES:
            accepted = strategy in ACCEPTED[base_name]
            said = _service_says(service, base_name, strategy)
            if said != ("OK" if accepted else "INVALID_ARGUMENT"):
                tally.differences.append(f"{base_name} {strategy}: the service says {said}")
            for version, reference in references.items():
                tally.values += 1
                if _reference_refuses(reference, base_name, strategy) == accepted:
                    tally.differences.append(
                        f"{base_name} {strategy}: llm-compressor {version} "
                        f"{'refuses' if accepted else 'accepts'} it"
                    )
    return tally
