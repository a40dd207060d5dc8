"""Makes the small checkpoints that Tests/ModelsTests/CheckpointTests.swift reads, as PyTorch itself saves them.

Needs torch and numpy. The values are small whole numbers and halves, so that every element type holds them exactly:
element i of a tensor is i / 2 - 3, in row-major order.

    python3 checkpoint_fixtures.py [--out Tests/Fixtures/models]
"""
import argparse
import collections
import json
import pathlib
import struct

import numpy
import torch

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Fixtures" / "models"


def ramp(*shape, dtype=torch.float32):
    count = int(numpy.prod(shape))
    return (torch.arange(count, dtype=torch.float64) / 2 - 3).to(dtype).reshape(shape)


def torch_small():
    shared = ramp(12)
    state = torch.nn.Module().state_dict()  # an OrderedDict with `_metadata`
    state["weight"] = torch.nn.Parameter(ramp(2, 3, 2))
    state["half"] = ramp(5, dtype=torch.float16)
    state["bfloat"] = ramp(5, dtype=torch.bfloat16)
    state["double"] = ramp(5, dtype=torch.float64)
    state["steps"] = torch.tensor(7, dtype=torch.int64)
    state["transposed"] = ramp(3, 2).t().contiguous().t()  # strides (1, 3), reads as ramp(3, 2)
    state["tail"] = shared[4:]  # offset 4 in a shared storage
    state["empty"] = torch.zeros(0, 3)
    return {"state_dict": state, "shared": shared, "epoch": 3, "name": "x", "rate": 0.5, "sizes": [1, (2, None)]}


def numpy_small():
    return collections.OrderedDict(
        row_major=ramp(2, 3).numpy(),
        column_major=numpy.asfortranarray(ramp(2, 3).numpy()),
        half=ramp(4, dtype=torch.float16).numpy(),
        # Every byte value, so that both lengths of Latin-1 characters in UTF-8 are met.
        bytes=numpy.arange(256, dtype=numpy.uint8),
    )


def safetensors_small():
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, code, tensor in (
        ("weight", "F32", ramp(2, 3)), ("half", "F16", ramp(4, dtype=torch.float16)),
        ("bfloat", "BF16", ramp(4, dtype=torch.bfloat16)),
    ):
        content = tensor.contiguous().view(torch.uint8).numpy().tobytes()
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": code, "shape": list(tensor.shape), "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    folder = parser.parse_args().out
    torch.save(torch_small(), folder / "torch_small.checkpoint")
    torch.save(numpy_small(), folder / "numpy_small.checkpoint")
    (folder / "small.tensors").write_bytes(safetensors_small())


if __name__ == "__main__":
    main()
