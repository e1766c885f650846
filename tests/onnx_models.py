"""ONNX models, exported by torch itself or put together by the onnx package."""

import warnings

import numpy as np


def exported(module, path, *shapes, inputs=("observation",), outputs=("output",)):
    """A torch module, as torch's own exporter writes it."""
    import torch

    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(torch.zeros(shape) for shape in shapes),
            str(path),
            dynamo=False,
            input_names=list(inputs),
            output_names=list(outputs),
        )
    return path


def two_layers(path, inputs=4, outputs=2, seed=0):
    """A torch module of two layers, and the file that it was exported to."""
    import torch

    torch.manual_seed(seed)
    module = torch.nn.Sequential(torch.nn.Linear(inputs, 16), torch.nn.Tanh(), torch.nn.Linear(16, outputs))
    return module, exported(module, path, (1, inputs))


def built(path, nodes, *, domains=("",), tensors=(), inputs=1):
    """A model of nodes, put together by the onnx package; its output is called `output`."""
    import onnx
    from onnx import TensorProto, helper

    given = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, [1, 4]) for i in range(inputs)]
    gives = [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)]
    graph = helper.make_graph(list(nodes), "g", given, gives, list(tensors))
    opsets = [helper.make_opsetid(domain, 17) for domain in domains]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.save(model, str(path))
    return path


def inference(module, *observations):
    import torch

    with torch.no_grad():
        return module(
            *(torch.as_tensor(np.asarray(one), dtype=torch.float32) for one in observations)
        ).numpy()
