"""Liveness: its arithmetic, its stage and its challenges, without a session."""

import math

import numpy as np
import pytest

from engine.head import ARKIT, INDEX, Head
from engine.types import AudioChunk, FaceMesh, FaceParams, Tracked, VideoFrame
from engine.verify import challenge as challenges
from engine.verify import lips
from engine.verify.challenge import Challenge, Step
from engine.verify.liveness import LIVE, SUSPECT, WAITING, Liveness
from engine.verify.synchrony import KINDS, NEAR, TOGETHER, Judge, Sums, Synchrony, peaks

NOTHING = VideoFrame(0.0, np.zeros((2, 2, 3), np.uint8))


@pytest.fixture(scope="module")
def head():
    return Head.load()


@pytest.fixture(scope="module")
def model():
    return Synchrony()


def params(t, weights, track=1, yaw=0.0, mouth=1.0):
    zeros = np.zeros
    return FaceParams(
        t, track, zeros(7), zeros(4), weights.astype(np.float32), zeros((2, 2, 3)), zeros(9),
        zeros((68, 2)), zeros((468, 2)), np.array([yaw, 0, 0], np.float32), 1.0, mouth,
    )  # fmt: skip


def test_lips_of_weights_and_of_the_mesh_agree(head):
    weights = np.zeros((2, len(ARKIT)), np.float32)
    weights[1, INDEX["jawOpen"]] = 0.5
    read = lips.Lips(head)
    found = read.of_weights(weights)
    meshes = [read.of_mesh(head.pose(head.neutral, w)) for w in weights]
    assert found[1, -1] > 0.3
    assert found[1, -1] - found[0, -1] == pytest.approx(meshes[1] - meshes[0], abs=0.02)


def test_a_left_and_a_right_shape_are_one_channel(head):
    weights = np.zeros((1, len(ARKIT)), np.float32)
    weights[0, INDEX["mouthSmileLeft"]] = 1
    column = lips.SHAPES.index("mouthSmile")
    assert lips.Lips(head).of_weights(weights)[0, column] == 0.5


@pytest.mark.parametrize("late", [-12, 0, 9])
def test_the_correlation_finds_how_late_sound_is(late):
    rng = np.random.default_rng(0)
    curve = np.cumsum(rng.normal(0, 1, 200)).astype(np.float32)
    curve -= lips.smooth(np.convolve(curve, np.ones(25) / 25, "same"))
    found = lips.correlation(curve[50:125], curve[50 - late : 125 - late])
    assert found.argmax() - lips.REACH == late and found.max() > 0.99


def test_what_does_not_move_agrees_with_nothing():
    still = np.full(lips.ROWS, 0.3, np.float32)
    moving = np.sin(np.arange(lips.ROWS)).astype(np.float32)
    assert not lips.correlation(still, moving).any()


def test_the_sound_of_a_block_has_four_frames_a_row():
    mel = lips.log_mel(np.zeros(round(lips.SECONDS * lips.RATE), np.float32))
    assert mel.shape == (lips.MEL_ROWS * lips.ROWS, lips.MELS)
    assert np.allclose(mel, math.log(lips.FLOOR), atol=1e-4)


def test_noise_and_silence_are_not_speech():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 48_000).astype(np.float32)
    speech = noise * (np.sin(np.arange(48_000) / 3000) > 0)
    assert not lips.is_spoken(np.zeros(48_000, np.float32))
    assert not lips.is_spoken(noise)
    assert lips.is_spoken(speech)


def test_peaks_part_what_may_be_from_what_may_not():
    curve = np.zeros(2 * lips.REACH + 1, np.float32)
    curve[lips.REACH + NEAR], curve[lips.REACH + NEAR + 1] = 0.4, 0.7
    assert peaks(curve) == pytest.approx((0.4, 0.7))


def test_a_judge_goes_between_its_lengths_and_is_never_surer_than_it_may():
    judge = Judge((1, 4), np.array([[1.0, 0.0], [3.0, 0.0]], np.float32), most=4.0)
    one = np.ones(1, np.float32)
    assert judge(one, 0) == 0
    assert judge(one, 1) == 1 and judge(one, 2) == pytest.approx(2.0) and judge(one, 9) == 3
    assert judge(100 * one, 4) == 4 and judge(-100 * one, 4) == -4


def test_sums_add_up_and_their_features_are_means(model):
    some = Sums(1, 1, np.full(41, 0.5, np.float32), np.full(41, 0.2, np.float32), np.ones(3))
    twice = some + some
    assert twice.blocks == 2 and twice.features("lips") == pytest.approx([0.5, 0.5])
    assert twice.features("motion") == pytest.approx(np.ones(3))


def test_silence_says_nothing_of_lips(model):
    said = model.weigh(Sums(2, 0, np.zeros(41), np.zeros(41), np.full(3, -3.0)))
    assert said["lips"] == said["synchrony"] == said[TOGETHER] == 0


class Scene:
    """Lips that follow a sound of bursts; the sound may come late, the face may be still."""

    def __init__(self, head, seconds, late=0.0, still=False, seed=0):
        rng = np.random.default_rng(seed)
        self.head, self.seconds = head, seconds
        size = int(seconds * 100)
        burst = np.repeat(rng.random(size // 20 + 1) > 0.5, 20)[:size].astype(float)
        self.loud = np.convolve(burst, np.hanning(12) / 6, "same")
        self.late, self.still, self.rng = late, still, rng

    def at(self, t):
        return float(np.interp(t, np.arange(len(self.loud)) / 100, self.loud))

    def play(self, liveness, cut=1600):
        t = np.arange(round(self.seconds * 16_000)) / 16_000
        level = np.interp(t - self.late, np.arange(len(self.loud)) / 100, self.loud)
        sound = (level * self.rng.normal(0, 0.1, len(t))).astype(np.float32)
        for k in range(0, len(sound), cut):
            liveness.hear(AudioChunk(k / 16_000, sound[k : k + cut], 16_000))
        for k in range(int(self.seconds * 30)):
            liveness.foretell(FaceMesh(k / 30, self.face(self.at(k / 30 - self.late))))
        found = []
        for k in range(int(self.seconds * 25)):
            found += liveness.see(Tracked(k / 25, NOTHING, params(k / 25, self.weights(k / 25))))
        return found

    def weights(self, t):
        weights = np.zeros(len(ARKIT), np.float32)
        weights[INDEX["jawOpen"]] = 0.1 if self.still else 0.4 * self.at(t)
        return weights + self.rng.normal(0, 0.002, len(ARKIT)).astype(np.float32)

    def face(self, opening):
        weights = np.zeros(len(ARKIT), np.float32)
        weights[INDEX["jawOpen"]] = 0.4 * opening
        return self.head.pose(self.head.neutral, weights)


def test_evidence_comes_block_by_block_and_waits_for_enough(head, model):
    liveness = Liveness(model, head)
    found = Scene(head, 10).play(liveness)
    assert [e.kind for e in found] == [*KINDS, TOGETHER] * 3
    assert [e.t for e in found][::4] == pytest.approx([3, 6, 9])
    assert liveness.verdict.decision == WAITING and liveness.verdict.blocks == 3
    assert "3 s more" in liveness.words


def test_lips_that_go_with_the_sound_speak_for_it_and_others_against(head, model):
    last = {}
    for name, late, still in (("own", 0, False), ("late", 0.6, False), ("photo", 0, True)):
        liveness = Liveness(model, head)
        found = Scene(head, 19, late, still).play(liveness)
        last[name] = {e.kind: e.llr for e in found[-4:]}
        assert liveness.verdict.decision in (LIVE, SUSPECT)
    assert last["own"]["lips"] > 1 > -1 > last["late"]["lips"]
    assert last["photo"]["lips"] < 0


def test_any_cutting_of_the_sound_gives_the_same_evidence(head, model):
    a = Scene(head, 7).play(Liveness(model, head), cut=1600)
    b = Scene(head, 7).play(Liveness(model, head), cut=777)
    assert [(e.t, e.kind) for e in a] == [(e.t, e.kind) for e in b]
    assert [e.llr for e in a] == pytest.approx([e.llr for e in b], abs=0.05)


def test_another_face_begins_anew_and_a_hidden_mouth_says_nothing(head, model):
    liveness = Liveness(model, head)
    Scene(head, 7).play(liveness)
    assert liveness.verdict.blocks == 2
    liveness.see(Tracked(7.1, NOTHING, params(7.1, np.zeros(52), track=2)))
    assert liveness.verdict.blocks == 0 and liveness.verdict.track == 2


def test_sound_that_never_comes_is_not_waited_for_forever(head, model):
    liveness = Liveness(model, head)
    for k in range(2000):
        liveness.see(Tracked(k / 25, NOTHING, params(k / 25, np.zeros(52))))
    assert len(liveness._rows) < 900


def test_a_challenge_is_passed_by_turning_as_asked_and_back():
    made = Challenge([Step("left", "l"), Step("left", "l")], 0.0)
    for t, yaw in ((0.0, 0.02), (0.1, 0.5), (1, 0.5), (2, 0.5), (2.5, 0.0), (3, -0.5), (4, 0.4)):
        made.see(t, yaw)
        if t == 2:
            assert made.done == 1  # still turned: it has to come back first
    assert made.state == "passed"
    assert made.llr == pytest.approx(2 * math.log(challenges.WILLING / challenges.CHANCE["left"]))


def test_a_challenge_fails_when_time_is_up():
    made = Challenge([Step("right", "r")], 0.0)
    for k in range(60):
        made.see(k / 10, 0.4)  # never turned from where it was
    assert made.state == "failed" and made.llr < 0


@pytest.mark.parametrize(("begin", "end", "state"), [
    (1.0, 2.6, "passed"), (1.0, 1.3, "failed"), (9.0, 9.1, "failed"),
])  # fmt: skip
def test_digits_are_heard_by_when_and_how_long(begin, end, state):
    made = Challenge([Step("say", "say 1 2 3 4")], 0.0)
    rng = np.random.default_rng(0)
    for k in range(80):
        t = k / 10
        level = 0.1 if begin <= t < end else 0.001
        made.hear(t + 0.1, rng.normal(0, level, 1600).astype(np.float32))
    assert made.state == state


def test_what_is_asked_cannot_be_known_before():
    asked = {tuple(step.words for step in challenges.draw()) for _ in range(20)}
    assert len(asked) > 15
    assert all(words[-1].startswith("say ") for words in asked)
