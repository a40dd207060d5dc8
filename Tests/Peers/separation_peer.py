#!/usr/bin/env python3
"""Spleeter 2 stems through PyTorch: what `cadenza separate` is measured against, in speed and in sound.

The network is built from the checkpoints' own tensors; the framing is the original program's: one window of
silence ahead, frames that are not centred, a padded tail. Needs torch, numpy and the ffmpeg program.

    separation_peer.py --checkpoints DIR --input song.wav --out DIR [--threads 2] [--batch 0]

prints one JSON line: seconds of wall clock and CPU (this process, from its start, model load included, plus the
ffmpeg children), the peak resident memory, and the time of each stage.
"""
import argparse
import json
import os
import resource
import subprocess
import time

import numpy as np
import torch
import torch.nn.functional as F

RATE, WINDOW, HOP, BINS, FRAMES = 44100, 4096, 1024, 1024, 512
STEMS = ("vocals", "accompaniment")


def load_network(path):
    """The checkpoint's tensors by name."""
    # weights_only=False: the published file pickles numpy arrays; its checksum is checked when it is installed.
    state = torch.load(path, weights_only=False, map_location="cpu")
    return {name: torch.as_tensor(value) for name, value in state.items()}


def batch_norm(weights, name, x):
    return F.batch_norm(
        x, weights[f"{name}.running_mean"], weights[f"{name}.running_var"], weights[f"{name}.weight"],
        weights[f"{name}.bias"], training=False, eps=1e-3)


def unet(weights, x):
    """Magnitudes (batch, 2, frames, bins) to the stem's magnitudes of the same shape."""
    skips, y = [], x
    for level in range(1, 7):
        y = F.conv2d(
            F.pad(y, (1, 2, 1, 2)), weights[f"down{level}_conv.1.weight"], weights[f"down{level}_conv.1.bias"],
            stride=2)
        skips.append(y)
        if level < 6:
            y = F.leaky_relu(batch_norm(weights, f"down{level}_act.0", y), 0.2)
    for level in range(1, 7):
        if level > 1:
            y = torch.cat([skips[6 - level], y], dim=1)
        y = F.conv_transpose2d(y, weights[f"up{level}.0.weight"], weights[f"up{level}.0.bias"], stride=2)
        y = batch_norm(weights, f"up{level}.3", F.relu(y[:, :, 1:-2, 1:-2]))
    y = F.conv2d(y, weights["up7.0.weight"], weights["up7.0.bias"], dilation=2, padding=3)
    return torch.sigmoid(y) * x


def forward_transform(mix):
    """(2, samples) to a complex spectrogram (2, bins, frames) of the mix behind one window of silence."""
    padded = F.pad(mix, (WINDOW, 0))
    frames = -(-padded.shape[1] // HOP)
    padded = F.pad(padded, (0, (frames - 1) * HOP + WINDOW - padded.shape[1]))
    return torch.stft(padded, WINDOW, HOP, window=torch.hann_window(WINDOW), center=False, return_complex=True)


def inverse_transform(spectrogram, count):
    """The overlap-add inverse: squared Hann windows at this hop add up to 1.5 everywhere behind the first window."""
    frames = torch.fft.irfft(spectrogram, n=WINDOW, dim=1) * torch.hann_window(WINDOW)[None, :, None]
    length = (frames.shape[2] - 1) * HOP + WINDOW
    wave = F.fold(frames, (1, length), (1, WINDOW), stride=(1, HOP))[:, 0, 0] / 1.5
    return wave[:, WINDOW:WINDOW + count]


def estimates(networks, magnitudes, batch):
    """Magnitudes (2, bins, frames) through each network, in segments of 512 frames, `batch` at a time (0: all)."""
    count = magnitudes.shape[2]
    segments = -(-count // FRAMES)
    padded = F.pad(magnitudes, (0, segments * FRAMES - count))
    inputs = padded.reshape(2, BINS, segments, FRAMES).permute(2, 0, 3, 1).contiguous()
    outputs = []
    for weights in networks:
        parts = [unet(weights, part) for part in inputs.split(batch if batch > 0 else segments)]
        output = torch.cat(parts).permute(1, 3, 0, 2).reshape(2, BINS, segments * FRAMES)
        outputs.append(output[:, :, :count])
    return outputs


def masks(outputs):
    """Ratio masks of power 2; above the networks' last bin each frame's mean goes on."""
    total = sum(output ** 2 for output in outputs) + 1e-10
    for output in outputs:
        mask = (output ** 2 + 1e-10 / len(outputs)) / total
        above = mask.mean(dim=1, keepdim=True).expand(-1, WINDOW // 2 + 1 - BINS, -1)
        yield torch.cat([mask, above], dim=1)


def separate(networks, mix, batch=0, clock=None):
    """A (2, samples) tensor to one tensor of the same shape for each network."""
    clock = clock or (lambda stage: None)
    spectrogram = forward_transform(mix)
    clock("stft")
    outputs = estimates(networks, spectrogram[:, :BINS].abs(), batch)
    clock("network")
    stems = [inverse_transform(spectrogram * mask, mix.shape[1]) for mask in masks(outputs)]
    clock("mask and istft")
    return stems


def read_audio(path):
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-f", "f32le", "-ac", "2", "-ar", str(RATE), "-"],
        check=True, stdout=subprocess.PIPE).stdout
    return torch.from_numpy(np.frombuffer(raw, dtype="<f4").reshape(-1, 2).T.copy())


def write_audio(path, stem):
    raw = stem.T.contiguous().numpy().astype("<f4").tobytes()
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ac", "2", "-ar", str(RATE), "-i", "-", "-c:a", "pcm_s16le",
         path], check=True, input=raw)


def load_networks(folder):
    """From a folder as `cadenza models install spleeter-2stems` makes it."""
    return [load_network(os.path.join(folder, f"{stem}.ckpt")) for stem in STEMS]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stages, start = {}, time.monotonic()
    mark = [start]

    def clock(stage):
        now = time.monotonic()
        stages[stage] = round(now - mark[0], 3)
        mark[0] = now

    with torch.inference_mode():
        networks = load_networks(options.checkpoints)
        clock("load")
        mix = read_audio(options.input)
        clock("decode")
        stems = separate(networks, mix, options.batch, clock)
        os.makedirs(options.out, exist_ok=True)
        for name, stem in zip(STEMS, stems):
            write_audio(os.path.join(options.out, name + ".wav"), stem)
        clock("encode")
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({
        "cpuSeconds": round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 3),
        "wallSeconds": round(time.monotonic() - start, 3),
        "peakBytes": own.ru_maxrss * 1024,
        "threads": options.threads,
        "stages": stages,
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
