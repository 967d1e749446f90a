"""Model folders: nothing runs that is not the file it says it is."""

import json

import pytest

from engine.errors import DeviceError, ModelError
from engine.model import MODELS, open_model, open_session, write_about


def make(tmp_path):
    (tmp_path / "weights.bin").write_bytes(bytes(range(100)))
    write_about(tmp_path, ["weights.bin"], architecture={"width": 3})
    return tmp_path


def test_what_is_written_opens(tmp_path):
    model = open_model(make(tmp_path))
    assert model.about["architecture"] == {"width": 3}
    assert model.file("weights.bin").read_bytes()[:2] == b"\x00\x01"
    with pytest.raises(ModelError, match="lists no file"):
        model.file("other.bin")


def test_one_changed_byte_is_refused(tmp_path):
    file = make(tmp_path) / "weights.bin"
    data = bytearray(file.read_bytes())
    data[50] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match="weights.bin is not the file"):
        open_model(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": {}}', '{"files": {"gone": "00"}}'])
def test_a_broken_folder_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "about.json").write_text(text)
    with pytest.raises(ModelError) as error:
        open_model(tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no model at"):
        open_model(tmp_path / "none")


def test_every_shipped_model_is_whole_and_small():
    folders = [p.parent for p in MODELS.glob("*/about.json")]
    assert folders
    for folder in folders:
        model = open_model(folder)
        unlisted = {p.name for p in folder.iterdir()} - set(model.about["files"])
        assert not [n for n in unlisted if n.endswith((".onnx", ".npz"))]
        assert sum(p.stat().st_size for p in folder.iterdir()) < 12e6
        json.dumps(model.about)


def test_cuda_asked_for_and_missing_is_an_error(tmp_path):
    import onnxruntime as ort

    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this build offers CUDA")
    with pytest.raises(DeviceError, match="no CUDA here"):
        open_session(tmp_path / "any.onnx", "cuda")


def test_no_shipped_net_names_files_of_the_machine_it_was_made_on() -> None:
    nets = sorted(MODELS.rglob("*.onnx"))
    assert nets
    for net in nets:
        content = net.read_bytes()
        assert b'File "/' not in content and b".py" not in content, net
