#!/usr/bin/env python3
"""Makes Tests/Fixtures/separation_golden.json: what PyTorch makes of a seeded signal with the published weights.

    separation_golden.py --checkpoints DIR [--check] [--out Tests/Fixtures/separation_golden.json]

The signal is EnginesTests' `testSignal`. `--check` compares with the file instead of writing it.
"""
import argparse
import json
import math
import sys

import numpy as np
import torch

import separation_peer as peer

FRAMES, SEED, STRIDE = 529_200, 1, 4_999
MASK = (1 << 64) - 1


def tones(time, channel):
    def sine(turns):
        return math.sin(2 * math.pi * turns)

    pitch = 220.0 if channel == 0 else 330.0
    pulse = 0.5 - 0.5 * math.cos(2 * math.pi * (2 * time))
    vibrato = 0.5 * sine(5 * time)
    return (0.2 * pulse * sine(pitch * time + vibrato) + 0.1 * sine(3.01 * pitch * time)
            + 0.05 * sine(0.25 * pitch * time))


def signal(frames, seed):
    state, samples = seed, np.zeros((2, frames), dtype=np.float32)
    for frame in range(frames):
        time = frame / peer.RATE
        for channel in range(2):
            state = (state * 6364136223846793005 + 1442695040888963407) & MASK
            high = state >> 40
            noise = (high - (1 << 24) if high >= 1 << 23 else high) / 8388608
            samples[channel, frame] = 0.1 * noise + tones(time, channel)
    return torch.from_numpy(samples)


def golden(checkpoints):
    with torch.inference_mode():
        stems = peer.separate(peer.load_networks(checkpoints), signal(FRAMES, SEED))
    return {
        "frames": FRAMES, "seed": SEED, "stride": STRIDE,
        "stems": {name: [[float(f"{value:.7g}") for value in channel[::STRIDE]] for channel in stem.tolist()]
                  for name, stem in zip(peer.STEMS, stems)},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", required=True)
    parser.add_argument("--out", default="Tests/Fixtures/separation_golden.json")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    made = golden(options.checkpoints)
    if not options.check:
        with open(options.out, "w") as file:
            json.dump(made, file, separators=(",", ":"))
            file.write("\n")
        return
    with open(options.out) as file:
        kept = json.load(file)
    worst = max(
        abs(a - b) for name in peer.STEMS for x, y in zip(made["stems"][name], kept["stems"][name])
        for a, b in zip(x, y))
    print(f"largest difference {worst:.2e}")
    sys.exit(0 if worst <= 1e-5 else 1)


if __name__ == "__main__":
    main()
