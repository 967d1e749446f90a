"""A net begun from the shipped model moves a face as the shipped model does."""

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.head import Head
from engine.head.arkit import ARKIT
from engine.model import MODELS, open_model, open_session

torch = pytest.importorskip("torch")
from training.meshtalk.net import MeshTalk, Sizes  # noqa: E402
from training.meshtalk.space import Space, head_space  # noqa: E402
from training.meshtalk.start import begin  # noqa: E402

SHIPPED = MODELS / "meshtalk"
SIZES = Sizes(templates=24, phones=1)


@pytest.fixture(scope="module")
def space() -> Space:
    """Another one than the shipped model's: every ARKit shape moves."""
    head = Head.load()
    return head_space(head, [(head.neutral, np.eye(len(ARKIT), dtype=np.float32))], 24)


def test_the_same_codes_give_the_same_motion_in_another_space(space: Space) -> None:
    folder = open_model(SHIPPED)
    session, _ = open_session(folder.file("model.onnx"), "cpu")
    shapes = {i.name: [1 if isinstance(n, str) else n for n in i.shape]
              for i in session.get_inputs()}  # fmt: skip
    rng = np.random.default_rng(0)
    feeds = {k: np.zeros(v, np.float32) for k, v in shapes.items()}
    feeds["template"] = rng.standard_normal(shapes["template"]).astype(np.float32)
    motions, labels = [], []
    for _ in range(6):
        feeds["mel"] = (rng.standard_normal(shapes["mel"]) * 3 - 7).astype(np.float32)
        motion, label, feeds["past"], feeds["memory"] = session.run(None, feeds)
        motions.append(motion[0])
        labels.append(label[0])
    net = MeshTalk(replace(SIZES, modes=len(space.modes))).eval()
    begin(net, space, SHIPPED)
    codes = torch.nn.functional.one_hot(torch.from_numpy(np.stack(labels)).long(), SIZES.classes)
    with torch.no_grad():
        made = net.decoder(codes.flatten(-2)[None].float(), torch.from_numpy(feeds["template"]))[0]
    with np.load(folder.file("space.npz")) as file:
        theirs = np.tensordot(np.stack(motions), file["modes"].astype(np.float32), 1)
    ours = np.tensordot(made.numpy() * space.spread, space.modes, 1)
    assert np.abs(theirs).max() > 1  # millimetres: it does move
    assert np.abs(ours - theirs).max() < 0.02


def test_other_sizes_are_refused(space: Space) -> None:
    with pytest.raises(ConfigError, match="heads = 16, the net 8"):
        begin(MeshTalk(replace(SIZES, modes=len(space.modes), heads=8)), space, SHIPPED)


def test_other_faces_are_refused(space: Space) -> None:
    other = replace(space, template_modes=space.template_modes[::-1])
    with pytest.raises(ConfigError, match="other faces"):
        begin(MeshTalk(replace(SIZES, modes=len(space.modes))), other, SHIPPED)
