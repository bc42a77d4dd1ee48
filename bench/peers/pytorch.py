"""The colouriser in PyTorch, for `npm run bench:peers`: the network of src/model/report/layers.ts in torch's own words.

    pytorch.py probe                        prints {"version": …, "cuda": the card's name or null}
    pytorch.py forward|training P FILE      P: fp32, tf32 or bf16; FILE: safetensors with weights, inputs and settings

The latter prints {"title": …, "parameters": …}; then, for each line on stdin, it does the work once, from arrays of the host
to arrays of the host, and prints {"milliseconds": …, "output": float32 in base64}. In place of either: {"trouble": …}.
"""

import base64
import contextlib
import ctypes
import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")  # torch without numpy is fine here

import torch
import torch.nn.functional as F

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
EPSILON = 1e-3
STATISTICS_RATE = 0.01
AB_RANGE = 128
DOWNSAMPLING = (1, 3, 5)
UPSAMPLING = (1, 3)


def read_safetensors(path):
    """Tensors, all of them float32, and the metadata."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=start + begin)
        tensors[name] = flat.reshape(entry["shape"]).clone()
    return tensors, metadata


class Colorizer:
    def __init__(self, weights, training):
        self.weights = weights
        self.training = training

    def convolve(self, x, name, stride=1):
        weight = self.weights[f"{name}.weight"]
        if stride == 2:  # 'same' as TensorFlow places it: on even sizes right and below only
            x = F.pad(x, (0, 1, 0, 1))
        padding = 0 if stride == 2 else weight.shape[-1] // 2
        return F.conv2d(x, weight, self.weights[f"{name}.bias"], stride, padding)

    def normalize(self, x, name):
        mean, var, gamma, beta = (self.weights[f"{name}.{part}"] for part in ("mean", "var", "gamma", "beta"))
        return F.batch_norm(x, mean, var, gamma, beta, self.training, STATISTICS_RATE, EPSILON)

    def __call__(self, lightness, features):
        """[N,1,H,W] and [N,classes] → [N,2,H,W]."""
        x = lightness
        for number in range(1, 9):
            down = number in DOWNSAMPLING
            x = F.relu(self.convolve(x, f"encoder.conv{number}", 2 if down else 1))
            x = self.normalize(x, f"encoder.bn{number}") if down else x
        everywhere = features[:, :, None, None].expand(-1, -1, *x.shape[2:])
        x = F.relu(self.convolve(torch.cat([x, everywhere], 1), "fusion.conv"))
        for number in range(1, 5):
            x = F.relu(self.convolve(x, f"decoder.conv{number}"))
            if number in UPSAMPLING:
                x = self.normalize(F.interpolate(x, scale_factor=2, mode="nearest"), f"decoder.bn{number}")
        raw = self.convolve(x, "decoder.conv5")
        return F.interpolate(AB_RANGE * torch.tanh(raw.float()), scale_factor=2, mode="nearest")


def images(values, channels_last):
    """[N,H,W,C] of the host → [N,C,H,W] of the device."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return values.to(DEVICE).permute(0, 3, 1, 2).contiguous(memory_format=layout)


def prepare(kind, precision, path):
    """What it takes to do the work once, and the number of parameters."""
    is_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = is_tf32
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    channels_last = DEVICE == "cuda" and precision != "fp32"  # what tensor cores want
    autocast = lambda: torch.autocast(DEVICE, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()

    tensors, settings = read_safetensors(path)
    batch = {name: tensors.pop(name) for name in ("L", "features", "ab")}
    weights = {}
    for name, values in tensors.items():
        layout = torch.channels_last if channels_last and values.dim() == 4 else torch.preserve_format
        weights[name] = values.to(DEVICE, memory_format=layout)
    parameters = [weights[name] for name in weights if not name.endswith((".mean", ".var"))]
    network = Colorizer(weights, kind == "training")

    def colours():
        with autocast():
            return network(images(batch["L"], channels_last), batch["features"].to(DEVICE))

    def forward():
        with torch.inference_mode():
            return colours().permute(0, 2, 3, 1).contiguous().cpu()

    optimizer = torch.optim.Adam([p.requires_grad_(kind == "training") for p in parameters], float(settings["rate"]))

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.mse_loss(colours(), images(batch["ab"], channels_last))
        loss.backward()
        optimizer.step()
        return loss.detach().reshape(1).cpu()

    return (step if kind == "training" else forward), sum(p.numel() for p in parameters)


def probe():
    return {"version": torch.__version__, "cuda": torch.cuda.get_device_name(0) if DEVICE == "cuda" else None}


def tell(answer):
    print(json.dumps(answer), flush=True)


def serve(kind, precision, path):
    work, parameters = prepare(kind, precision, path)
    where = probe()["cuda"] or "CPU, no GPU"
    tell({"title": f"PyTorch {torch.__version__} ({precision}, {where})", "parameters": parameters})
    for _ in sys.stdin:
        started = time.perf_counter()
        output = work()
        milliseconds = 1000 * (time.perf_counter() - started)
        values = ctypes.string_at(output.data_ptr(), 4 * output.numel())
        tell({"milliseconds": milliseconds, "output": base64.b64encode(values).decode()})


if __name__ == "__main__":
    try:
        tell(probe()) if sys.argv[1] == "probe" else serve(*sys.argv[1:])
    except Exception as error:
        tell({"trouble": str(error).split("\n")[0] or type(error).__name__})
