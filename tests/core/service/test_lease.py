"""The GPU for a job: idle models make room, busy ones finish first, nothing is loaded meanwhile, the user is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.service.lease import GpuLease


class Models:
    """`memory` of each loaded model; `busy`: those with open answers. `log`: what was asked of them."""

    def __init__(self, memory: dict[str, int], total: int, busy: set[str] | None = None) -> None:
        self.memory, self.total, self.busy = memory, total, busy or set()
        self.log: list[str] = []
        self.held = False

    def free(self) -> int:
        return self.total - sum(self.memory.values())

    def on_gpu(self) -> list[str]:
        return sorted(self.memory, key=lambda name: (name in self.busy, name))

    def is_idle(self, name: str) -> bool:
        return name not in self.busy

    async def unload(self, name: str, grace: float = 5.0) -> None:
        self.log.append(f"unload {name}")
        del self.memory[name]

    def hold(self, why: str) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False


def borrow(models: Models, needed: int, during: Any = None) -> list[str]:
    said: list[str] = []

    async def main() -> None:
        async with GpuLease(models, models.free)("build-1", needed, said.append):
            assert models.held
            if during is not None:
                await during()
        assert not models.held

    asyncio.run(main())
    return said


def test_with_room_for_both_nobody_is_disturbed() -> None:
    models = Models({"a": 4}, total=10)
    assert borrow(models, 6) == ["", ""]
    assert models.log == []


def test_as_many_idle_models_as_needed_are_unloaded() -> None:
    models = Models({"a": 4, "b": 4, "c": 2}, total=10)
    said = borrow(models, 5)
    assert models.log == ["unload a", "unload b"]
    assert said[0] == "Unloaded meanwhile: a, b; chats with them wait."
    assert said[-1] == ""


def test_a_busy_model_finishes_its_answers_first() -> None:
    models = Models({"a": 9}, total=10, busy={"a"})
    said: list[str] = []

    async def main() -> None:
        async def finish() -> None:
            await asyncio.sleep(0.4)
            assert models.log == []
            models.busy.clear()

        task = asyncio.create_task(finish())
        async with GpuLease(models, models.free)("build-1", 5, said.append):
            assert models.log == ["unload a"]
        await task

    asyncio.run(main())
    assert any("Waits for a to finish its answers" in text for text in said)


def test_without_a_gpu_or_with_too_little_of_it_it_goes_on_all_the_same() -> None:
    assert borrow(Models({}, total=3), 5)
    lonely = Models({"a": 1}, total=3)
    assert borrow(lonely, 5)
    assert lonely.log == ["unload a"]


def test_models_are_not_loaded_while_it_is_lent(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.paths import Places
    from core.service.models import Models as Registry

    class Engines:
        def __init__(self) -> None:
            self.loaded: list[str] = []

        async def load(self, folder: Path, options: Any, name: str = "") -> Any:
            self.loaded.append(name)
            raise RuntimeError("enough seen")

    async def main() -> None:
        engines = Engines()
        changes: list[tuple[str, str, str]] = []
        registry = Registry(engines, Places.under(tmp_path), on_change=lambda *change: changes.append(change))  # type: ignore[arg-type]
        registry.hold("the job build-1 uses the GPU")
        waiting = asyncio.create_task(registry.load(str(tiny_model)))
        await asyncio.sleep(0.2)
        assert engines.loaded == []
        assert changes == [(str(tiny_model), "loading", "Waits: the job build-1 uses the GPU.")]
        registry.release()
        with pytest.raises(RuntimeError):
            await waiting
        assert engines.loaded == [str(tiny_model)]

    asyncio.run(main())
