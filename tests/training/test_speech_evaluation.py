"""How often heard phones are right: counted on phones that are known."""

import numpy as np
import pytest

from engine.errors import ConfigError, DeviceError
from training.data.align import Decoded
from training.data.voices import Phone
from training.speech import evaluate
from training.speech.evaluate import Share

TRUE = [Phone("p", 0, 0.1), Phone("aa", 0.1, 0.3), Phone("m", 0.3, 0.4), Phone("f", 0.4, 0.5)]


def test_phones_of_the_same_kind_in_the_same_place_are_right() -> None:
    heard = [Phone("b", 0, 0.12), Phone("aa", 0.12, 0.3), Phone("f", 0.3, 0.4),
             Phone("v", 0.4, 0.5)]  # fmt: skip
    found = evaluate.compared(TRUE, heard)
    assert found["p b m"] == (Share(1, 1), Share(1, 2))
    assert found["f v"] == (Share(1, 2), Share(1, 1))
    assert found["vowels"] == (Share(1, 1), Share(1, 1))


def test_shares_are_counted_by_trust() -> None:
    decoded = Decoded((Phone("b", 0, 0.1), Phone("s", 0.1, 0.3), Phone("pau", 0.3, 0.5)),
                      np.array([1.0, 0.5, 1.0], np.float32))  # fmt: skip
    assert evaluate.by_trust(TRUE, decoded) == {1.0: Share(1, 1), 0.5: Share(0, 1)}


def test_intervals_are_wilsons() -> None:
    assert str(Share(9, 10)) == "0.900 [0.596, 0.982] 9/10"
    assert str(Share(0, 0)) == "none"


def test_a_synthetic_voice_is_mostly_heard_right(synthesisers: None) -> None:
    heard = evaluate.evaluate("flite", evaluate.flite(2), 2)
    row = next(line for line in heard.splitlines() if "vowels" in line)
    assert float(row.split()[1]) > 0.85
    assert heard.startswith("flite: 2 clips")


def test_what_is_not_grid_is_told(tmp_path: object) -> None:
    with pytest.raises(ConfigError, match="not a folder"):
        evaluate.main(["--grid", f"{tmp_path}/none"])
    with pytest.raises(ConfigError, match="at least 1"):
        evaluate.main(["--clips", "0"])
    with pytest.raises(DeviceError, match="no clip"):
        evaluate.evaluate("nothing", [], 1)
