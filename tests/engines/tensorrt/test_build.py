"""Real builds by the real library, with no GPU: tiny shapes; what was fused is read from the builder's log."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from engines.api.errors import DeviceError, UnsupportedError
from engines.models import open_model
from engines.passes import compile_program
from engines.tensorrt.build import Compiler, Profile, row_profiles, token_profiles
from engines.tensorrt.library import Library
from engines.tensorrt.network import Emitted, emit_piece, signature
from engines.tensorrt.pieces import Piece, cut, pieces_of
from engines.tensorrt.targets import TARGETS, check_targets, parse_targets

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def compiler(library: Library) -> Compiler:
    return Compiler(library)


def emit_case(compiler: Compiler, case: str, number: int, compute: str) -> tuple[Piece, Emitted]:
    with open_model(GOLDEN / case) as model:
        network = compile_program(model.network).network
        pieces = pieces_of(cut(compile_program(model.network)))
        piece = pieces[number]
        return piece, emit_piece(
            compiler.library.trt, compiler.builder, piece, network.widths, network.params, compute, None
        )


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "sm75"])
def test_a_middle_segment_is_seven_launches_in_every_profile(compiler: Compiler, target: str) -> None:
    _, emitted = emit_case(compiler, "llama-gqa-llama3-tied", 1, "bf16")
    built = compiler.build(emitted, [TARGETS[target]], token_profiles(1024))
    assert [len(kernels) for kernels in built.log.kernels] == [7, 7, 7]
    assert built.plan.nbytes < 3_000_000  # no weights inside
    assert built.log.activation > 0


def test_one_plan_for_several_gpus(compiler: Compiler) -> None:
    _, emitted = emit_case(compiler, "qwen3-gqa-tied", 1, "bf16")
    assert compiler.build(emitted, parse_targets("sm80,86,8.9,sm120"), token_profiles(64)).plan.nbytes


def test_turing_takes_fp16_and_is_refused_bf16(compiler: Compiler) -> None:
    _, emitted = emit_case(compiler, "llama-mha", 1, "fp16")
    assert compiler.build(emitted, parse_targets("sm75"), token_profiles(64)).plan.nbytes
    with pytest.raises(UnsupportedError, match=r"bf16 does not run on sm75 .*fp16.*sm86"):
        check_targets([], "bf16", parse_targets("sm75"))
    _, emitted = emit_case(compiler, "llama-mha", 1, "bf16")
    with pytest.raises(DeviceError, match=r"could not build.*b16"):  # what the check before saves the user from
        compiler.build(emitted, parse_targets("sm75"), token_profiles(64))


def test_a_build_stops_when_told_and_the_builder_lives_on(compiler: Compiler) -> None:
    _, emitted = emit_case(compiler, "llama-mha", 1, "bf16")
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        if len(shares) == 3:
            raise InterruptedError("told to")

    with pytest.raises(InterruptedError, match="told to"):
        compiler.build(emitted, parse_targets("sm89"), token_profiles(64), stop)
    assert len(shares) == 3
    shares[:] = [0.0] * 4
    assert compiler.build(emitted, parse_targets("sm89"), token_profiles(64), shares.append).plan.nbytes
    assert shares[4:] == sorted(shares[4:])
    assert 0.8 < shares[-1] <= 1


def test_layers_share_a_signature_and_other_shapes_do_not(compiler: Compiler) -> None:
    with open_model(GOLDEN / "llama-mha") as model:
        program = compile_program(model.network)
        network = program.network
        found = [signature(piece, network.widths, network.params) for piece in pieces_of(cut(program))]
    with open_model(GOLDEN / "qwen3-gqa-tied") as other:
        program = compile_program(other.network)
        others = [signature(p, program.network.widths, program.network.params) for p in pieces_of(cut(program))]
    assert len(set(found)) == 4  # first, middle, last, head
    assert found[1] not in others


def test_profiles_cover_every_size_once() -> None:
    for most, constants in itertools.product((1, 64, 65, 512, 513, 4096), (False, True)):
        profiles = token_profiles(most, constants)
        for rows in (1, 64, 65, 512, 513, most):
            assert sum(rows in profile for profile in profiles) == (rows <= most)
    assert row_profiles(4) == (Profile(1, 4, 4),)


def test_targets_are_read_leniently_and_refused_by_name() -> None:
    assert [t.name for t in parse_targets("sm_89, 8.6,89")] == ["sm89", "sm86"]
    assert [t.library for t in parse_targets("sm89,sm80")] == ["rtx", "rtx"]
    assert [t.library for t in parse_targets("9.0")] == ["datacenter"]
    for wrong in ("sm87", "h100", "", "8.9.1"):
        with pytest.raises(UnsupportedError, match="sm75, sm80"):
            parse_targets(wrong)
    with pytest.raises(UnsupportedError, match=r"sm90 \(H100, H200\) are for that GPU alone"):
        parse_targets("sm89,sm90")
