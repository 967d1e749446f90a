"""Small but real recognisers for the tests: pooled pixels, whitened, under a fixed projection."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.model import write_about


def make_recogniser(folder, dim=128, seed=0, channels_first=True, about=None):
    """A model folder whose net pools 8x8 pixels, takes the mean off, and projects at random."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    cells = 3 * 14 * 14
    projection = (rng.standard_normal((cells, dim)) / np.sqrt(cells)).astype(np.float32)
    shape = [1, 3, 112, 112] if channels_first else [1, 112, 112, 3]
    first = [] if channels_first else [helper.make_node("Transpose", ["x"], ["c"], perm=[0, 3, 1, 2])]
    nodes = [
        *first,
        helper.make_node("AveragePool", ["x" if channels_first else "c"], ["p"],
                         kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("ReduceMean", ["p", "axes"], ["m"], keepdims=1),
        helper.make_node("Sub", ["p", "m"], ["d"]),
        helper.make_node("Flatten", ["d"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "pooled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, dim])],
        [numpy_helper.from_array(projection, "w"),
         numpy_helper.from_array(np.array([2, 3]), "axes")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    write_about(folder, ["model.onnx"], **(about or {}))
    return folder
