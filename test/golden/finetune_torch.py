"""Fine-tunes the last block of weights/mobilenet_v1.onnx in PyTorch: the golden values of test/finetune.test.ts.

  python3 test/golden/finetune_torch.py test/golden/finetune.safetensors

Needs torch, onnx, numpy and PIL. The network is read from the ONNX file, node by node; its average pool is taken over the whole
image, whatever its size. All but the last block is frozen. Arithmetic is float64, stored as float32.

Keys: input (grey levels of PICTURES, [N,H,W]), labels, logits (before the first step), losses, grad/NAME (of the first step),
change/NAME (last weights minus first ones), and noise/KEY: the relative error that PyTorch's own float32 arithmetic has at KEY,
at worst of several ways to round. Of tensors with more than SAMPLE elements every few elements are kept, see `sample`;
norm/KEY is the norm of the whole.
"""
import json
import struct
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from PIL import Image

MODEL = 'weights/mobilenet_v1.onnx'
# photographs of samples/photos, and the classes that they are to be taken for
PICTURES = {'koala': 105, 'coffee': 967, 'cat': 281, 'mountain-path': 970}
SIZE = 64
# node behind whose output the weights are trained
FROZEN = 'Clip_74'
STEPS = 20
LEARNING_RATE = 1e-4
SAMPLE = 2048


def read_model():
    graph = onnx.load(MODEL).graph
    values = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    for i, node in enumerate(graph.node):
        node.name = node.name or f'{node.op_type}_{i}'
        if node.op_type == 'DequantizeLinear':
            q, scale, zero = (values[name].double() for name in node.input)
            axis = [-1] + [1] * (q.dim() - 1)
            # float32, as the graph has it
            values[node.output[0]] = ((q - zero.view(axis)) * scale.view(axis)).float()
    return graph, {name: value for name, value in values.items() if value.dtype == torch.float32}


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def run(nodes, values):
    """Evaluates the nodes in order; `values` holds weights and inputs and gets all results."""
    for node in nodes:
        at = attributes(node)
        x = values.get(node.input[0])
        if node.op_type == 'Conv':
            top, left, bottom, right = at.get('pads', [0, 0, 0, 0])
            weight, bias = (values[name] for name in node.input[1:])
            x = F.pad(x, (left, right, top, bottom))
            y = F.conv2d(x, weight, bias, stride=at.get('strides', 1), groups=at.get('group', 1))
        elif node.op_type == 'Clip':
            y = torch.clamp(x, float(values[node.input[1]]), float(values[node.input[2]]))
        elif node.op_type == 'AveragePool':
            y = x.mean((2, 3), keepdim=True)
        elif node.op_type == 'Flatten':
            y = x.flatten(1)
        elif node.op_type == 'DequantizeLinear':
            continue
        else:
            raise SystemExit(f'no {node.op_type} here')
        values[node.output[0]] = y


def fine_tune(graph, weights, levels, labels, dtype):
    """Returns everything that the test compares, in the arithmetic of `dtype`."""
    split = [node.name for node in graph.node].index(FROZEN) + 1
    frozen, trained = graph.node[:split], graph.node[split:]
    values = {name: weight.to(dtype) for name, weight in weights.items()}
    values['x'] = (levels.to(dtype) / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)
    with torch.no_grad():
        run(frozen, values)
    features = values[frozen[-1].output[0]]
    names = [name for node in trained if node.op_type == 'Conv' for name in node.input[1:]]
    parameters = {name: values[name].clone().requires_grad_() for name in names}
    optimizer = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE)
    out, losses = {}, []
    for step in range(STEPS):
        state = {**values, frozen[-1].output[0]: features, **parameters}
        run(trained, state)
        loss = F.cross_entropy(state['logits'], labels)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            out['logits'] = state['logits'].detach()
            out.update({f'grad/{name}': p.grad.clone() for name, p in parameters.items()})
        optimizer.step()
        losses.append(loss.item())
    out['losses'] = torch.tensor(losses, dtype=torch.float64)
    out.update({f'change/{name}': p.detach() - values[name] for name, p in parameters.items()})
    return out


def sample(tensor):
    """Of a large tensor every k-th element, from the first on."""
    flat = tensor.flatten()
    return flat if flat.numel() <= SAMPLE else flat[:: -(-flat.numel() // SAMPLE)]


def noise_of(golden, graph, weights, levels, labels):
    worst = {key: 0.0 for key in golden}
    for run_number in range(6):
        torch.set_num_threads(1 + run_number % 2)
        generator = torch.Generator().manual_seed(run_number)
        jitter = lambda t: t * (1 + 6e-8 * (2 * torch.randint(0, 2, t.shape, generator=generator) - 1))
        moved = {n: jitter(w) if w.dim() and run_number >= 2 else w for n, w in weights.items()}
        single = fine_tune(graph, moved, levels, labels, torch.float32)
        for key, value in golden.items():
            error = ((single[key].double() - value).norm() / value.norm()).item()
            worst[key] = max(worst[key], error)
    return worst


def save(path, tensors):
    header, blob = {}, b''
    for key, value in sorted(tensors.items()):
        data = np.ascontiguousarray(torch.as_tensor(value).detach().float().numpy(), '<f4')
        offsets = [len(blob), len(blob) + data.nbytes]
        header[key] = {'dtype': 'F32', 'shape': list(data.shape), 'data_offsets': offsets}
        blob += data.tobytes()
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + blob)


def main(path):
    graph, weights = read_model()
    open_grey = lambda name: Image.open(f'samples/photos/{name}.jpg').convert('L').resize((SIZE, SIZE), Image.BILINEAR)
    levels = torch.from_numpy(np.stack([np.asarray(open_grey(name)) for name in PICTURES]))
    labels = torch.tensor(list(PICTURES.values()))
    golden = fine_tune(graph, weights, levels, labels, torch.float64)
    noise = noise_of(golden, graph, weights, levels, labels)
    out = {'input': levels, 'labels': labels}
    out.update({key: sample(value) for key, value in golden.items()})
    out.update({f'norm/{key}': value.norm().reshape(1) for key, value in golden.items()})
    out.update({f'noise/{key}': torch.tensor([value]) for key, value in noise.items()})
    save(path, out)
    print('losses', [round(loss, 4) for loss in golden['losses'].tolist()])
    print('noise', {key: f'{value:.1e}' for key, value in noise.items()})


if __name__ == '__main__':
    main(sys.argv[1])
