# The reducers of Calipers' core. The docstrings are in extension/reduce.cc.

from typing_extensions import Buffer

def reduce(
    elements: Buffer,
    dtype: str,
    *,
    rows: int,
    row_length: int,
    reduced_outer: int,
    reduced_inner: int,
) -> tuple[bytes, bytes, bytes, bytes]: ...
def target_name() -> str: ...
