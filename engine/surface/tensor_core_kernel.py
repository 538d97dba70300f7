"""The kernel of `engine.surface.tensor_cores`; needs Triton."""

import triton
import triton.language as tl

# Rows and columns of a result that one group of threads makes, and how many products it adds up at a time.
ROWS, COLUMNS, DEPTH, WARPS = 128, 64, 32, 4


def launch(inputs, high, low, bias, result, relu, bits, half):  # type: ignore[no-untyped-def]  # GPU only
    """Fill ``result`` (M, N); see `engine.surface.tensor_cores.linear`."""
    (rows, depth), columns = inputs.shape, len(high)
    grid = (triton.cdiv(rows, ROWS), triton.cdiv(columns, COLUMNS))
    tensors = inputs, high, low, bias, result
    _linear[grid](*tensors, rows, columns, depth, relu, bits, half, ROWS, COLUMNS, DEPTH, num_warps=WARPS)


@triton.jit  # type: ignore[untyped-decorator]  # GPU only
def _linear(  # type: ignore[no-untyped-def]  # types of Triton's own
    inputs, high, low, bias, result, rows, columns, depth,
    RELU: tl.constexpr, BITS: tl.constexpr, HALF: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    sums = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, depth, DEPTH):
        at = start + tl.arange(0, DEPTH)
        is_input = (row[:, None] < rows) & (at[None, :] < depth)
        is_weight = (column[None, :] < columns) & (at[:, None] < depth)
        value = tl.load(inputs + row[:, None] * depth + at[None, :], mask=is_input, other=0.0)
        of_weight = column[None, :] * depth + at[:, None]
        weight_high = tl.load(high + of_weight, mask=is_weight, other=0.0)
        weight_low = tl.load(low + of_weight, mask=is_weight, other=0.0)
        value_high = (value.to(tl.int32, bitcast=True) + HALF & BITS).to(tl.float32, bitcast=True)
        value_low = value - value_high
        # the small ones first: next to large sums their last bits would be lost
        part = tl.dot(value_low, weight_high, input_precision="tf32")
        part = tl.dot(value_high, weight_low, part, input_precision="tf32")
        sums += tl.dot(value_high, weight_high, part, input_precision="tf32")
    sums += tl.load(bias + column, mask=column < columns, other=0.0)[None, :]
    if RELU:
        sums = tl.maximum(sums, 0.0, propagate_nan=tl.PropagateNan.ALL)
    place = row[:, None] * columns + column[None, :]
    tl.store(result + place, sums, mask=(row[:, None] < rows) & (column[None, :] < columns))
