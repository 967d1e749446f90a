"""Weights in half precision, as shipped models store them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn


def halve(net: nn.Module) -> None:
    """Rounds every parameter to what half precision can hold."""
    for value in net.parameters():
        value.copy_(value.half().float())


def in_halves(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same net with large float weights stored as float16 and cast when it is loaded, and
    without the exporter's notes, which name files of the machine it ran on."""
    graph = model.graph
    without_notes(model)
    casts = []
    for value in graph.initializer:
        if value.data_type != TensorProto.FLOAT or np.prod(value.dims) < 256:
            continue
        name = value.name
        half = numpy_helper.from_array(
            numpy_helper.to_array(value).astype(np.float16), f"{name}.16"
        )
        value.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    return model


def without_notes(model: onnx.ModelProto) -> None:
    """Takes away what the exporter noted, which names files of the machine that it ran on."""
    parts = (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output,
             *model.graph.initializer, *model.functions,
             *(n for f in model.functions for n in f.node))  # fmt: skip
    for part in parts:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
