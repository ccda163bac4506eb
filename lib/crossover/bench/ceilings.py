"""What the machine can do at most: matrix products in both precisions, and copying memory."""

from __future__ import annotations

import pandas as pd
import torch

from crossover.bench.tables import best, table

#: The largest product of a student's layers: tokens of a batch, width, and width of the feed-forward block.
SHAPE = (512, 576, 1536)


def matmul(dtype: torch.dtype, shape: tuple[int, int, int] = (2048, 2048, 2048), repeats: int = 9) -> float:
    """Return the most floating-point operations a second of a product ``(m, k) x (k, n)``."""
    m, k, n = shape
    a, b = torch.randn(m, k, dtype=dtype), torch.randn(n, k, dtype=dtype)  # weights lie as (out, in)
    times = max(1, round(2048**3 / (m * k * n)))

    def work() -> None:
        for _ in range(times):
            torch.nn.functional.linear(a, b)

    work()
    return 2 * m * k * n * times / best(work, repeats)


def run() -> pd.DataFrame:
    """Return the ceilings."""
    source, target = torch.randn(64 * 2**20), torch.empty(64 * 2**20)
    copied = 2 * source.nbytes / best(lambda: target.copy_(source), 9)
    gflops = {
        f"{name} product of {what}": matmul(dtype, shape) / 1e9
        for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32))
        for what, shape in (("2048 x 2048 matrices", (2048, 2048, 2048)), ("a student's layer, 512 tokens", SHAPE))
    }
    rows = [(what, value, "GFLOP/s", "") for what, value in gflops.items()]
    return table([*rows, ("memory read and written in copying", copied / 1e9, "GB/s", "")])
