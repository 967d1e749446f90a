"""MeshTalk's parts: masks seen by a trace, losses against vertices, nets window by window."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import ConfigError
from engine.head import Head
from engine.speech.windows import FIELD
from training.loop import Schedule
from training.meshtalk import autoregressive, losses, space, steps
from training.meshtalk.autoregressive import Autoregressive
from training.meshtalk.baselines import SHORT, Continuous, Regression, WindowEncoder, first_net
from training.meshtalk.data import Batch
from training.meshtalk.net import AudioEncoder, Decoder, MeshTalk, Sizes, quantise
from training.meshtalk.step import Cell

SMALL = Sizes(modes=5, templates=3, heads=4, classes=3, channels=2, width=6, phones=4)


def reads(model: Autoregressive, frames: int) -> np.ndarray:
    """reads[h, t, g]: whether the logits of head h at the last frame depend on label (t, g)."""
    torch.manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.uniform_(0.1, 1.0)  # positive: nothing cancels
    audio = torch.zeros(1, frames, SMALL.width)
    labels = torch.zeros(1, frames, SMALL.heads, dtype=torch.long)
    base = model(labels, audio)[0, -1]
    seen = np.zeros((SMALL.heads, frames, SMALL.heads), bool)
    for t in range(frames):
        for g in range(SMALL.heads):
            other = labels.clone()
            other[0, t, g] = 1
            seen[:, t, g] = (model(other, audio)[0, -1] != base).any(-1).numpy()
    return seen


def test_every_head_sees_what_it_should() -> None:
    frames = autoregressive.FIELD + 3
    seen = reads(Autoregressive(SMALL), frames)
    for h in range(SMALL.heads):
        now = seen[h, -1]
        assert now[:h].all() and not now[h:].any(), "this frame: the heads before it, only"
        past = seen[h, -1 - autoregressive.FIELD : -1]
        assert past[-2:].all(), "the last frames: all heads, the last one too"
        assert past.any(0).all() and past[0].any(), "as far back as the field reaches"
        assert not seen[h, : -1 - autoregressive.FIELD].any(), "and no further"


def test_every_head_hears_the_sound() -> None:
    torch.manual_seed(0)
    model = Autoregressive(SMALL)
    labels = torch.zeros(1, 2, SMALL.heads, dtype=torch.long)
    silent = torch.zeros(1, 2, SMALL.width)
    loud = silent.clone()
    loud[0, 1] = 1
    changed = (model(labels, loud) != model(labels, silent)).any(-1)[0]
    assert changed[1].all() and not changed[0].any()


def test_audio_encoder_is_the_same_window_by_window() -> None:
    torch.manual_seed(0)
    net = AudioEncoder(16).eval()
    mel = torch.randn(1, FIELD + 5, 80)
    whole = net(mel)
    for i in range(6):
        assert torch.allclose(net(mel[:, i : i + FIELD])[:, 0], whole[:, i], atol=1e-5)


def test_quantise_is_one_hot_forward_and_soft_backward() -> None:
    logits = torch.randn(2, 3, 4, requires_grad=True)
    hard = quantise(torch.log_softmax(logits, -1), None)
    assert torch.allclose(hard.sum(-1), torch.ones(2, 3))
    assert torch.equal(hard.argmax(-1), logits.argmax(-1))
    (hard * torch.arange(4.0)).sum().backward()
    assert logits.grad is not None and logits.grad.abs().sum() > 0


def test_hand_written_cell_is_torchs_lstm() -> None:
    torch.manual_seed(0)
    decoder = Decoder(SMALL)
    cells = [Cell(decoder.lstm, layer) for layer in range(2)]
    x = torch.randn(1, 4, 128)
    wanted, _ = decoder.lstm(x)
    states = [(torch.zeros(1, 128), torch.zeros(1, 128)) for _ in cells]
    for t in range(4):
        y = x[:, t]
        for i, cell in enumerate(cells):
            states[i] = cell(y, *states[i])
            y = states[i][0]
        assert torch.allclose(y, wanted[:, t], atol=1e-6)


@pytest.fixture(scope="module")
def small_space() -> tuple[Head, space.Space]:
    head = Head.load()
    rng = np.random.default_rng(0)
    weights = rng.uniform(0, 1, (90, 52)).astype(np.float32)
    return head, space.head_space(head, [(head.neutral, weights)], 4)


def test_masked_loss_is_the_one_over_vertices(small_space: tuple[Head, space.Space]) -> None:
    head, found = small_space
    error = np.random.default_rng(1).normal(size=len(found.modes)).astype(np.float32)
    moved = np.tensordot(error * found.spread, found.modes, 1)
    mask = head.masks["mouth"]
    brute = (mask[:, None] * moved**2).sum() / (3 * mask.sum())
    fast = np.square(error @ space.mask_root(found, mask)).sum()
    assert fast == pytest.approx(brute, rel=2e-3)


def test_opening_loss_is_the_one_over_landmarks(small_space: tuple[Head, space.Space]) -> None:
    head, found = small_space
    error = np.random.default_rng(2).normal(size=len(found.modes)).astype(np.float32)
    moved = np.tensordot(error * found.spread, found.modes, 1).astype(np.float32)
    before, after = (head.landmarks(f, 68)[:, 1] for f in (head.neutral, head.neutral + moved))
    change = after - before
    brute = np.mean([(change[u] - change[w]) ** 2 for u, w in space.INNER_LIPS])
    fast = np.square(error @ space.opening_root(head, found)).sum()
    assert fast == pytest.approx(brute, rel=1e-2)


def test_space_holds_the_heads_motion(small_space: tuple[Head, space.Space]) -> None:
    head, found = small_space
    weights = np.random.default_rng(3).uniform(0, 1, 52).astype(np.float32)
    moved = head.pose(head.neutral, weights) - head.neutral
    again = (
        found.coordinates(moved[None])[0] * found.spread @ found.modes.reshape(len(found.modes), -1)
    )
    assert np.abs(again.reshape(-1, 3) - moved).max() < 0.5
    flat = found.modes.reshape(len(found.modes), -1)
    assert np.allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-3)


def test_schedule_warms_up_and_falls() -> None:
    schedule = Schedule(steps=1000, drop_at=0.5, drop=0.1)
    assert schedule.factor(0) < 0.05
    assert schedule.factor(400) == 1
    assert schedule.factor(999) == pytest.approx(0.1, abs=0.01)


def a_batch(frames: int, modes: int) -> Batch:
    torch.manual_seed(4)
    return Batch(
        torch.zeros(2, 1, 80), torch.randn(2, frames, modes), torch.zeros(2, frames).long(),
        torch.ones(2, frames), torch.ones(2, frames), torch.zeros(2, 1), torch.zeros(2, frames),
    )  # fmt: skip


def test_the_halves_of_the_face_add_up_to_the_whole(small_space: tuple[Head, space.Space]) -> None:
    head, found = small_space
    regions, batch = losses.Regions(head, found), a_batch(3, len(found.modes))
    whole = space.mask_root(found, np.ones(len(head.neutral), np.float32))
    wanted = np.square(batch.motion.numpy() @ (whole / np.linalg.norm(whole))).sum(-1).mean()
    made = float(regions.whole(torch.zeros_like(batch.motion), batch))
    assert made == pytest.approx(float(wanted), rel=1e-3)


def test_frames_count_as_far_as_they_are_believed(small_space: tuple[Head, space.Space]) -> None:
    head, found = small_space
    regions, batch = losses.Regions(head, found), a_batch(3, len(found.modes))
    made = torch.randn_like(batch.motion)
    none = torch.zeros(2, 3)
    silent = replace(batch, mouth=none, upper=none)
    assert float(regions.whole(made, silent)) == 0
    mouth_only = replace(batch, upper=none)
    assert 0 < float(regions.whole(made, mouth_only)) < float(regions.whole(made, batch))
    first = replace(batch, mouth=torch.tensor([[1.0, 0, 0], [0, 0, 0]]), upper=none)
    changed = first.motion.clone()
    changed[:, 1:] += 1
    changed[1] += 1
    assert float(regions.whole(made, first)) == pytest.approx(
        float(regions.whole(made, replace(first, motion=changed)))
    )


def test_unknown_phones_teach_nothing() -> None:
    logits = torch.randn(1, 3, 4)
    some = losses.heard(logits, torch.tensor([[1, -1, 2]]))
    known = torch.nn.functional.cross_entropy(logits[0, [0, 2]], torch.tensor([1, 2]))
    assert float(some) == pytest.approx(float(known))
    assert float(losses.heard(logits, torch.full((1, 3), -1))) == 0


def test_vocas_encoder_hears_its_window_alone() -> None:
    torch.manual_seed(0)
    encoder = WindowEncoder(6).eval()
    mel = torch.randn(1, FIELD + 9, 80)
    ends = torch.tensor([0, 3, 9])
    whole = encoder.at(mel, ends)
    for i, end in enumerate(ends.tolist()):
        alone = encoder.at(mel[:, end : end + FIELD], torch.tensor([0]))
        assert torch.allclose(alone[:, 0], whole[:, i], atol=1e-5)
        other = mel.clone()
        other[:, : end + FIELD - SHORT] = 9
        other[:, end + FIELD :] = 9
        assert torch.equal(encoder.at(other, ends)[:, i], whole[:, i])
        other[:, end + FIELD - 1] = 9
        assert not torch.equal(encoder.at(other, ends)[:, i], whole[:, i])


def test_every_row_has_its_net() -> None:
    sizes = replace(SMALL, width=8)
    kinds = [type(first_net(name, sizes)) for name in steps.NETS]
    assert kinds == [MeshTalk, Regression, Regression, Continuous]
    with pytest.raises(ConfigError, match="choose one of"):
        steps.Config(net="none")
