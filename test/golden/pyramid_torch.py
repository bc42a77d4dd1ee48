"""The network `pyramid` in PyTorch, on a trunk of five convolutions: writes a golden file as `report_torch.py` does.

    pyramid_torch.py OUT.safetensors [--size 64] [--batch 2] [--classes 5] [--width 0.05] [--steps 10] [--seed 1]

Besides what that script's files hold, the file has the trunk's weights, trunk/0 to trunk/4, and what else the network sees:
input/gray [N,1,H,W] and input/hints [N,3,H/4,W/4]. The head is `ab`.
"""

import argparse
import json

import torch
from report_torch import as_float32, convolve, float32_noise, normalise, replay, twice_as_large, write_safetensors
from torch.nn import functional

TAPS = [4, 8, 8, 12]  # the trunk's channels at strides 4, 8, 16, 32; the layer before has as many as the first
LATERALS, FUSION, DECODER, HINTS = [32, 64, 128], 192, [128, 96, 64, 64], [16, 32, 48, 64]
NORM_RATE, AB_SCALE = 0.02, 50
SHA256 = "0123456789abcdef" * 4


def blocks(width):
    """name, channels in, channels out, kernel of all convolutions with a batch norm."""
    scaled = lambda count: 4 * max(1, int(count * width / 4 + 0.5))
    laterals, decoder, hints = ([scaled(count) for count in counts] for counts in (LATERALS, DECODER, HINTS))
    fusion = scaled(FUSION)
    below = [fusion + hints[3], decoder[0], decoder[1]]
    joined = [laterals[2] + hints[2], laterals[1] + hints[1], laterals[0] + hints[0] + 4]
    yield from ((f"hints{4 << i}", hints[i - 1] if i else 4, hints[i], 3) for i in range(4))
    yield from ((f"lateral{4 << i}", TAPS[i], laterals[i], 1) for i in range(3))
    yield "fusion", TAPS[3], fusion, 1
    yield from ((f"decoder{16 >> i}", below[i] + joined[i], decoder[i], 3) for i in range(3))
    yield "decoder.last", decoder[2], decoder[3], 3


def initial_tensors(classes, width, generator):
    """All tensors by name. None is trivial, so that each of them matters."""
    tensors = {}

    def uniform(shape, limit):
        return limit * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)

    def convolution(name, inputs, outputs, kernel=1):
        limit = (6 / (kernel * kernel * (inputs + outputs))) ** 0.5  # Glorot and Bengio 2010
        tensors[name] = uniform((outputs, inputs, kernel, kernel), limit)

    for name, inputs, outputs, kernel in blocks(width):
        convolution(name + ".weight", inputs, outputs, kernel)
        tensors[name + ".gamma"] = 1 + uniform((outputs,), 0.2)
        tensors[name + ".beta"] = uniform((outputs,), 0.2)
        tensors[name + ".mean"] = uniform((outputs,), 0.2)
        tensors[name + ".var"] = 1 + uniform((outputs,), 0.2)
        channels = outputs
    fusion = tensors["fusion.gamma"].shape[0]
    convolution("fusion.mean.weight", TAPS[3], fusion)
    convolution("fusion.classes.weight", classes, fusion)
    convolution("head.weight", channels, 2)
    tensors["head.bias"] = uniform((2,), 0.2)
    return {name: as_float32(tensor) for name, tensor in tensors.items()}


def trunk_weights(generator):
    """Convolutions of 3 × 3 and stride 2, each with a ReLU behind it."""
    channels = [3, TAPS[0], *TAPS]
    normal = lambda k, c: torch.randn((k, c, 3, 3), generator=generator, dtype=torch.float64) / (4.5 * c) ** 0.5
    return [as_float32(normal(k, c)) for c, k in zip(channels, channels[1:])]


def see(trunk, gray):
    """The taps: all but the first layer's results."""
    taps, x = [], gray.repeat(1, 3, 1, 1)
    for weight in trunk:
        x = torch.relu(functional.conv2d(x, weight.to(x.dtype), stride=2, padding=1))
        taps.append(x)
    return taps[1:]


def colours_on(trunk):
    def colours(tensors, L, gray, features, hints, training):
        """ab [N,2,H/4,W/4]."""

        def normalised(name, x, stride=1):
            y = convolve({name + ".weight": tensors[name + ".weight"], name + ".bias": None}, name, x, stride)
            return normalise(tensors, name, y, training, NORM_RATE)

        run = lambda *of: torch.relu(normalised(*of))
        taps = see(trunk, gray)
        told, x = [], torch.cat([hints, functional.avg_pool2d(L, 4)], dim=1)
        for i in range(4):
            x = run(f"hints{4 << i}", x, 2 if i else 1)
            told.append(x)
        mean = functional.conv2d(taps[3].mean(dim=(2, 3), keepdim=True), tensors["fusion.mean.weight"])
        classes = functional.conv2d((features**2)[:, :, None, None], tensors["fusion.classes.weight"])
        x = torch.cat([torch.relu(normalised("fusion", taps[3]) + mean + classes), told[3]], dim=1)
        quarters = functional.pixel_unshuffle(functional.avg_pool2d(L, 2), 2)
        for level in (2, 1, 0):
            parts = [twice_as_large(x), run(f"lateral{4 << level}", taps[level]), told[level]]
            x = run(f"decoder{4 << level}", torch.cat(parts + ([quarters] if level == 0 else []), dim=1))
        x = run("decoder.last", x)
        return AB_SCALE * functional.conv2d(x, tensors["head.weight"], tensors["head.bias"])

    return colours


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--width", type=float, default=0.05)
    for name, default in (("size", 64), ("batch", 2), ("classes", 5), ("steps", 10), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=default)
    options = parser.parse_args()

    generator = torch.Generator().manual_seed(options.seed)
    normal = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)
    uniform = lambda *shape: torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1
    initial, trunk = initial_tensors(options.classes, options.width, generator), trunk_weights(generator)
    pixels, cells = (options.size, options.size), (options.size // 4, options.size // 4)
    L, gray = (as_float32(uniform(options.batch, 1, *pixels)) for _ in range(2))
    features = as_float32(torch.softmax(2 * normal(options.batch, options.classes), dim=1))
    told = (uniform(options.batch, 1, *cells) > 0.6).double()
    hints = as_float32(torch.cat([uniform(options.batch, 2, *cells) * told, told], dim=1))
    ab = as_float32(20 * normal(options.batch, 2, *pixels))
    batch, colours = [L, gray, features, hints, ab], colours_on(trunk)

    exact = replay(colours, initial, batch, options.steps)
    noise = float32_noise(colours, initial, batch, options.steps, exact)
    start = {"init/" + name: tensor for name, tensor in initial.items()}
    inputs = dict(zip(("input/L", "input/gray", "input/features", "input/hints", "input/ab"), batch))
    weights = {f"trunk/{i}": weight for i, weight in enumerate(trunk)}
    architecture = {"trunk": {"name": "small", "sha256": SHA256}, "classes": options.classes, "width": options.width}
    metadata = {"network": "pyramid", "architecture": json.dumps({**architecture, "head": "ab", "hints": True})}
    write_safetensors(options.out, {**start, **inputs, **weights, **exact, **noise}, metadata)
    key = max(noise, key=lambda name: noise[name].item())
    print(f"{options.out}: losses {[round(loss, 3) for loss in exact['adam/losses'].tolist()]}, {key} {noise[key].item():.1e}")


if __name__ == "__main__":
    main()
