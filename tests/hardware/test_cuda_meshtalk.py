"""MeshTalk's live step on a GPU gives what it gives on the CPU."""

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("no CUDA device on this machine", allow_module_level=True)

from training.meshtalk.autoregressive import Autoregressive  # noqa: E402
from training.meshtalk.net import MeshTalk, Sizes  # noqa: E402
from training.meshtalk.step import Step, blank  # noqa: E402


@pytest.mark.parametrize("batch", [1, 8, 32])
def test_step_on_cuda_is_the_cpus(batch: int) -> None:
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    sizes = Sizes(modes=30, templates=24, phones=4)
    step = Step(MeshTalk(sizes), Autoregressive(sizes), torch.ones(30)).eval()
    feeds = blank(step, batch, 24)
    feeds["mel"] = torch.randn_like(feeds["mel"])
    with torch.no_grad():
        here = step(*feeds.values())
        there = step.cuda()(*(f.cuda() for f in feeds.values()))
    assert torch.equal(here[1], there[1].cpu())
    for one, other in zip(here, there, strict=True):
        assert (one - other.cpu()).abs().max() < 1e-4
