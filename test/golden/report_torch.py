"""The report's network in PyTorch: writes golden files, which say what the kernels must compute.

    report_torch.py OUT.safetensors [--size 64] [--batch 1] [--classes 5] [--width 0.25] [--steps 5] [--seed 1]

Weights, one batch and its target are random. The file holds, as float32 of what was computed in float64:

    init/NAME  input/L  input/features  input/ab    what it starts from
    eval/ab                                         colours with running statistics
    train/ab  grad/NAME                             colours and gradients of the first step, statistics of the batch
    adam/losses  final/NAME                         the loss of each step, and all tensors behind the last one
    noise/KEY                                       relative error of KEY when PyTorch computes in float32

The noise is the worst of several float32 runs that differ in rounding only. It tells what accuracy can be asked of KEY: behind some
steps of Adam a rounding error of a gradient near zero has become a whole step.
"""

import argparse
import json
import struct

import numpy
import torch
from torch.nn import functional

# name, channels out at width 1, stride, batch norm behind it
ENCODER = [
    ("encoder.conv1", 64, 2, "encoder.bn1"),
    ("encoder.conv2", 128, 1, None),
    ("encoder.conv3", 128, 2, "encoder.bn3"),
    ("encoder.conv4", 256, 1, None),
    ("encoder.conv5", 256, 2, "encoder.bn5"),
    ("encoder.conv6", 512, 1, None),
    ("encoder.conv7", 512, 1, None),
    ("encoder.conv8", 256, 1, None),
]
FUSED = 256
# name, channels out, whether it is upsampled, batch norm behind that
DECODER = [
    ("decoder.conv1", 128, True, "decoder.bn1"),
    ("decoder.conv2", 64, False, None),
    ("decoder.conv3", 64, True, "decoder.bn3"),
    ("decoder.conv4", 32, False, None),
]
NORM_EPSILON, NORM_RATE = 1e-3, 0.01
FLOAT32_RUNS = 5


def initial_tensors(classes, width, generator):
    """All tensors by name, parameters and statistics. No bias and no norm is trivial, so that each of them matters."""
    tensors = {}

    def uniform(shape, limit):
        return limit * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)

    def convolution(name, inputs, outputs, kernel):
        limit = (6 / (kernel * kernel * (inputs + outputs))) ** 0.5  # Glorot and Bengio 2010
        tensors[name + ".weight"] = uniform((outputs, inputs, kernel, kernel), limit)
        tensors[name + ".bias"] = uniform((outputs,), 0.2)

    def norm(name, channels):
        tensors[name + ".gamma"] = 1 + uniform((channels,), 0.2)
        tensors[name + ".beta"] = uniform((channels,), 0.2)
        tensors[name + ".mean"] = torch.zeros(channels, dtype=torch.float64)
        tensors[name + ".var"] = torch.ones(channels, dtype=torch.float64)

    scaled = lambda channels: max(1, round(channels * width))
    channels = 1
    for name, outputs, _, norm_name in ENCODER:
        convolution(name, channels, scaled(outputs), 3)
        channels = scaled(outputs)
        if norm_name:
            norm(norm_name, channels)
    convolution("fusion.conv", channels + classes, scaled(FUSED), 1)
    channels = scaled(FUSED)
    for name, outputs, _, norm_name in DECODER:
        convolution(name, channels, scaled(outputs), 3)
        channels = scaled(outputs)
        if norm_name:
            norm(norm_name, channels)
    convolution("decoder.conv5", channels, 2, 3)
    return {name: as_float32(tensor) for name, tensor in tensors.items()}


def as_float32(tensor):
    """Rounded to numbers that float32 has, still in float64."""
    return tensor.float().double()


def is_parameter(name):
    return not name.endswith((".mean", ".var"))


def convolve(tensors, name, x, stride=1):
    """A convolution padded as TensorFlow's SAME: of an odd number of zeros the last side gets one more."""
    weight = tensors[name + ".weight"]
    pads = []
    for size, kernel in ((x.shape[3], weight.shape[3]), (x.shape[2], weight.shape[2])):
        needed = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [needed // 2, needed - needed // 2]
    return functional.conv2d(functional.pad(x, pads), weight, tensors[name + ".bias"], stride=stride)


def normalise(tensors, name, x, training, rate=NORM_RATE):
    """A batch norm. In training it takes the batch's statistics, and moves the running ones towards them."""
    mean, var = tensors[name + ".mean"], tensors[name + ".var"]
    if training:
        batch_mean = x.mean(dim=(0, 2, 3))
        batch_var = ((x - batch_mean[:, None, None]) ** 2).mean(dim=(0, 2, 3))
        for running, batch in ((mean, batch_mean), (var, batch_var)):
            running += rate * (batch.detach() - running)
        mean, var = batch_mean, batch_var
    scale = tensors[name + ".gamma"] / torch.sqrt(var + NORM_EPSILON)
    return (x - mean[:, None, None]) * scale[:, None, None] + tensors[name + ".beta"][:, None, None]


def twice_as_large(x):
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def colours(tensors, L, features, training):
    """ab [N,2,H,W] in −128…128 from lightness [N,1,H,W] in −1…1 and class probabilities [N,classes]."""
    x = L
    for name, _, stride, norm_name in ENCODER:
        x = torch.relu(convolve(tensors, name, x, stride))
        if norm_name:
            x = normalise(tensors, norm_name, x, training)
    everywhere = features[:, :, None, None] + torch.zeros_like(x[:, :1])
    x = torch.relu(convolve(tensors, "fusion.conv", torch.cat([x, everywhere], dim=1)))
    for name, _, is_upsampled, norm_name in DECODER:
        x = torch.relu(convolve(tensors, name, x))
        if is_upsampled:
            x = twice_as_large(x)
        if norm_name:
            x = normalise(tensors, norm_name, x, training)
    return twice_as_large(128 * torch.tanh(convolve(tensors, "decoder.conv5", x)))


def replay(colours, initial, batch, steps):
    """Everything that a golden file asks for, in the precision of `initial`; `batch` is what `colours` sees, and the target."""
    *shown, ab = batch
    tensors = {name: tensor.clone().requires_grad_(is_parameter(name)) for name, tensor in initial.items()}
    parameters = {name: tensor for name, tensor in tensors.items() if is_parameter(name)}
    found = {}
    with torch.no_grad():
        found["eval/ab"] = colours(tensors, *shown, training=False)
    optimiser = torch.optim.Adam(parameters.values(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    losses = []
    for step in range(steps):
        painted = colours(tensors, *shown, training=True)
        target = functional.avg_pool2d(ab, ab.shape[2] // painted.shape[2])
        loss = ((painted - target) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            found["train/ab"] = painted.detach()
            found.update({"grad/" + name: tensor.grad.clone() for name, tensor in parameters.items()})
        optimiser.step()
        losses.append(loss.detach())
    found["adam/losses"] = torch.stack(losses)
    found.update({"final/" + name: tensor.detach() for name, tensor in tensors.items()})
    return found


def float32_noise(colours, initial, batch, steps, exact):
    """For each key ‖float32 − exact‖ / ‖exact‖, the worst of some runs whose weights differ in their last bit or not at all."""
    worst = {key: 0.0 for key in exact}
    for run in range(FLOAT32_RUNS):
        generator = torch.Generator().manual_seed(run)
        # the first run is PyTorch's own rounding
        size = 0.0 if run == 0 else 2.0**-24
        moved = {}
        for name, tensor in initial.items():
            signs = torch.randint(0, 2, tensor.shape, generator=generator) * 2 - 1
            moved[name] = (tensor * (1 + size * signs)).float()
        rounded = replay(colours, moved, [data.float() for data in batch], steps)
        for key, want in exact.items():
            error = (rounded[key].double() - want).norm() / want.norm().clamp_min(1e-30)
            worst[key] = max(worst[key], error.item())
    return {"noise/" + key: torch.tensor([error]) for key, error in worst.items()}


def write_safetensors(path, tensors, metadata=None):
    header, parts, offset = {"__metadata__": metadata} if metadata else {}, [], 0
    for name in sorted(tensors):
        data = numpy.ascontiguousarray(tensors[name].detach().numpy().astype("<f4"))
        header[name] = {"dtype": "F32", "shape": list(data.shape), "data_offsets": [offset, offset + data.nbytes]}
        parts.append(data.tobytes())
        offset += data.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--width", type=float, default=0.25)
    for name, default in (("size", 64), ("batch", 1), ("classes", 5), ("steps", 5), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=default)
    options = parser.parse_args()

    generator = torch.Generator().manual_seed(options.seed)
    normal = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)
    initial = initial_tensors(options.classes, options.width, generator)
    pixels = (options.size, options.size)
    L = as_float32(torch.rand((options.batch, 1, *pixels), generator=generator, dtype=torch.float64) * 2 - 1)
    features = as_float32(torch.softmax(2 * normal(options.batch, options.classes), dim=1))
    ab = as_float32(20 * normal(options.batch, 2, *pixels))
    batch = [L, features, ab]

    exact = replay(colours, initial, batch, options.steps)
    noise = float32_noise(colours, initial, batch, options.steps, exact)
    start = {"init/" + name: tensor for name, tensor in initial.items()}
    inputs = {"input/L": L, "input/features": features, "input/ab": ab}
    write_safetensors(options.out, {**start, **inputs, **exact, **noise})
    key = max(noise, key=lambda name: noise[name].item())
    print(f"{options.out}: losses {[round(loss, 3) for loss in exact['adam/losses'].tolist()]}, {key} {noise[key].item():.1e}")


if __name__ == "__main__":
    main()
