"""Folders: one file, shards with an index, and everything that can be wrong with them."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from engines.api.errors import WeightError
from engines.weights import DType, WeightStore

ONE = "model-00001-of-00002.safetensors"
TWO = "model-00002-of-00002.safetensors"
A = np.arange(4, dtype=np.float32)
B = np.arange(6, dtype=np.float16).reshape(2, 3)


@pytest.fixture
def sharded(tmp_path, write_safetensors):
    write_safetensors(tmp_path / ONE, {"a": A})
    write_safetensors(tmp_path / TWO, {"b": B})
    write_index(tmp_path, {"a": ONE, "b": TWO})
    return tmp_path


def write_index(folder, weight_map):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def refused(folder):
    with pytest.raises(WeightError) as caught:
        WeightStore.open(folder)
    return str(caught.value)


def test_one_file(tmp_path, write_safetensors):
    write_safetensors(tmp_path / "model.safetensors", {"b": B, "a": A})
    with WeightStore.open(tmp_path) as store:
        assert store.names == ("a", "b")
        assert store.shape("b") == (2, 3)
        assert store.dtype("b") is DType.FP16
        assert "a" in store
        np.testing.assert_array_equal(store.read("b").data, B)
        with pytest.raises(WeightError, match="no tensor c"):
            store.read("c")


def test_shards(sharded):
    with WeightStore.open(sharded) as store:
        assert store.names == ("a", "b")
        assert store.file("b") == sharded / TWO
        np.testing.assert_array_equal(store.read("a").data, A)
        np.testing.assert_array_equal(store.read("b").data, B)


def test_fingerprint_follows_the_files(sharded, write_safetensors):
    def fingerprint():
        with WeightStore.open(sharded) as store:
            return store.fingerprint

    first = fingerprint()
    assert fingerprint() == first
    write_safetensors(sharded / TWO, {"b": B + 1})
    os.utime(sharded / TWO, ns=(1, 1))
    assert fingerprint() != first


def test_missing_shard(sharded):
    (sharded / TWO).unlink()
    assert f"{sharded / TWO} is missing (1 of 2 shards" in refused(sharded)


def test_truncated_shard(sharded):
    (sharded / TWO).write_bytes((sharded / TWO).read_bytes()[:-1])
    assert str(sharded / TWO) in refused(sharded)


def test_tensor_that_is_not_in_its_shard(sharded):
    write_index(sharded, {"a": ONE, "b": TWO, "c": TWO})
    assert f"Tensor c is not in {sharded / TWO}" in refused(sharded)


def test_tensor_that_the_index_does_not_name(sharded, write_safetensors):
    write_safetensors(sharded / TWO, {"b": B, "c": A})
    assert f"{sharded / TWO} holds tensor c" in refused(sharded)


def test_tensor_in_two_shards(sharded, write_safetensors):
    write_safetensors(sharded / TWO, {"b": B, "a": A})
    assert f"{sharded / TWO} holds tensor a" in refused(sharded)


def test_stray_shard(sharded, write_safetensors):
    write_safetensors(sharded / "model-00003-of-00003.safetensors", {"z": A})
    assert "model-00003-of-00003.safetensors is not named by" in refused(sharded)


@pytest.mark.parametrize(
    "shard",
    ["../other/model.safetensors", "/etc/passwd", "a\\b.safetensors", "..", "x.bin", "C:x.safetensors", "", 3, None],
)
def test_shards_outside_the_folder(sharded, shard):
    write_index(sharded, {"a": ONE, "b": shard})
    assert "is not the plain name of a .safetensors file" in refused(sharded)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not valid JSON"),
        ("[]", "no weight_map"),
        ('{"weight_map": {}}', "no weight_map"),
        ('{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', "named twice"),
    ],
)
def test_broken_index(sharded, text, reason):
    (sharded / "model.safetensors.index.json").write_text(text)
    message = refused(sharded)
    assert reason in message
    assert "model.safetensors.index.json" in message


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "pytorch_model-00001-of-00002.bin"])
def test_pickles_are_refused_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04.")
    message = refused(tmp_path)
    assert name in message
    assert "can run code" in message


def test_empty_folder_and_no_folder(tmp_path):
    assert "holds no model.safetensors" in refused(tmp_path)
    assert "Cannot read the folder" in refused(tmp_path / "nowhere")


def test_other_safetensors_only(tmp_path, write_safetensors):
    write_safetensors(tmp_path / ONE, {"a": A})
    assert f"holds {ONE} but neither" in refused(tmp_path)


def test_folder_and_file_without_permission(tmp_path, monkeypatch, write_safetensors):
    # By way of the operating system's own error, for root may read everything.
    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    write_safetensors(tmp_path / "model.safetensors", {"a": A})
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.open", denied)
        message = refused(tmp_path)
    assert f"Cannot read {tmp_path / 'model.safetensors'}: Permission denied" in message
    monkeypatch.setattr("pathlib.Path.iterdir", denied)
    assert f"Cannot read the folder {tmp_path}: Permission denied" in refused(tmp_path)
