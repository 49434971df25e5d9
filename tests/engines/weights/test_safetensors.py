"""The header parser: what the format allows, and nothing else."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api.errors import ContractError, WeightError
from engines.weights.dtype import DType
from engines.weights.safetensors import MAX_HEADER_BYTES, SafetensorsFile, parse_header

GOOD = {
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
    "empty": {"dtype": "F16", "shape": [0, 7], "data_offsets": [32, 32]},
    "scalar": {"dtype": "I64", "shape": [], "data_offsets": [32, 40]},
}


def changed(name, **fields):
    return {**GOOD, name: {**GOOD[name], **fields}}


def parse(header, data_bytes=40):
    return parse_header(
        header if isinstance(header, bytes) else json.dumps(header).encode(), data_bytes, "f.safetensors"
    )


def test_reads_a_good_header_with_metadata_and_padding():
    header = json.dumps({"__metadata__": {"format": "pt"}, **GOOD}).encode() + b"    "
    tensors = parse(header)
    assert list(tensors) == ["a", "b", "empty", "scalar"]
    assert tensors["b"].dtype is DType.BF16
    assert tensors["b"].shape == (4,)
    assert tensors["b"].begin == 8 + len(header) + 24
    assert tensors["scalar"].shape == ()


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "does not start with"),
        (b"[1]", "does not start with"),
        (b'{"a": ', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (
            b'{"a": ' + json.dumps(GOOD["a"]).encode() + b', "a": ' + json.dumps(GOOD["a"]).encode() + b"}",
            "named twice",
        ),
        ({**GOOD, "__metadata__": {"x": 1}}, "__metadata__"),
        ({**GOOD, "a": [1]}, "is not exactly dtype"),
        (changed("a", extra=1), "is not exactly dtype"),
        (changed("a", dtype="F33"), "'F33' of tensor 'a' in f.safetensors is unknown"),
        (changed("a", dtype=["F32"]), "is unknown"),
        (changed("a", shape=[2, -3]), "not lists of whole numbers"),
        (changed("a", shape=[2, 3.0]), "not lists of whole numbers"),
        (changed("a", shape=[True, 6]), "not lists of whole numbers"),
        (changed("a", shape=[2**70]), "not lists of whole numbers"),
        (changed("a", data_offsets=[0]), "not lists of whole numbers"),
        (changed("a", data_offsets=[24, 0]), "truncated or damaged"),
        (changed("scalar", data_offsets=[32, 48]), "truncated or damaged"),
        (changed("a", shape=[2, 2]), "do not make a F32 of shape"),
        (changed("a", shape=[2**62, 2**62]), "do not make a F32"),
        (changed("b", data_offsets=[20, 28]), "overlaps"),
        (changed("b", shape=[2], data_offsets=[28, 32]), "leaves a hole"),
        ({k: v for k, v in GOOD.items() if k != "scalar"}, "8 bytes that belong to no tensor"),
    ],
)
def test_refuses(header, reason):
    with pytest.raises(WeightError, match=r"f\.safetensors") as caught:
        parse(header)
    assert reason in str(caught.value)


def test_messages_stay_short_with_a_huge_name():
    with pytest.raises(WeightError) as caught:
        parse({"n" * 1_000_000: {}})
    assert len(str(caught.value)) < 500


@given(st.binary(max_size=200), st.integers(0, 64))
def test_random_bytes_raise_only_weight_errors(raw, data_bytes):
    with contextlib.suppress(WeightError):
        parse_header(raw, data_bytes, "f.safetensors")


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["a", "b", "empty", "scalar"]),
    st.sampled_from(["dtype", "shape", "data_offsets", "entry"]),
    _json,
)
def test_mutated_fields_raise_only_weight_errors(name, field, value):
    header = {**GOOD, name: value} if field == "entry" else changed(name, **{field: value})
    try:
        tensors = parse(header)
    except WeightError:
        return
    assert sum(t.end - t.begin for t in tensors.values()) == 40


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_flipped_byte_raises_only_weight_errors(at, byte):
    raw = bytearray(json.dumps(GOOD).encode())
    raw[at % len(raw)] = byte
    with contextlib.suppress(WeightError):
        parse_header(bytes(raw), 40, "f.safetensors")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "0 bytes"),
        (b"1234567", "too short"),
        ((1000).to_bytes(8, "little") + b"{}", "claims 1000 bytes but the file has 10"),
        ((2**63).to_bytes(8, "little") + b"{}", "truncated or damaged"),
        (b"\xff" * 64, "truncated or damaged"),
    ],
)
def test_header_length_is_checked_against_the_file(tmp_path, raw, reason):
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw)
    with pytest.raises(WeightError, match=r"model\.safetensors") as caught:
        SafetensorsFile(path)
    assert reason in str(caught.value)


def test_an_absurd_header_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:  # sparse: no disk is used
        file.write((MAX_HEADER_BYTES + 1).to_bytes(8, "little"))
        file.truncate(MAX_HEADER_BYTES + 100)
    with pytest.raises(WeightError, match="claims 100000001 bytes"):
        SafetensorsFile(path)


def test_every_truncation_of_a_file_is_refused(tmp_path, pack_safetensors):
    raw = pack_safetensors(GOOD, bytes(40))
    path = tmp_path / "model.safetensors"
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(WeightError):
            SafetensorsFile(path)


def test_reads_views_of_the_map(tmp_path, write_safetensors):
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y": np.array([0x3F80, 0xC000], np.uint16)}
    write_safetensors(tmp_path / "model.safetensors", arrays)
    file = SafetensorsFile(tmp_path / "model.safetensors")
    x = file.read("x")
    np.testing.assert_array_equal(x, arrays["x"])
    np.testing.assert_array_equal(file.read("y"), arrays["y"])
    assert not x.flags.writeable
    assert not x.flags.owndata
    file.close()
    file.close()
    np.testing.assert_array_equal(x, arrays["x"])  # a view outlives the store
    with pytest.raises(ContractError, match="closed"):
        file.read("x")


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(WeightError, match="Cannot read"):
        SafetensorsFile(tmp_path / "model.safetensors")
