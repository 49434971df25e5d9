from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from core.paths import Places
from core.service.models import Models
from tests.waiting import until


def test_who_removes_a_model_waits_until_its_worker_has_let_go_of_it(tmp_path: Path) -> None:
    ended = asyncio.Event()

    class Engines:
        async def unload(self, name: str, grace: float = 0.0) -> None:
            await ended.wait()

    async def main() -> None:
        engines: Any = Engines()
        loaded: Any = object()
        models = Models(engines, Places.under(tmp_path))
        models._loaded["small"] = loaded
        unload = asyncio.create_task(models.unload("small"))
        await until(lambda: not models.loaded)
        waiting = asyncio.create_task(models.unloaded())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        ended.set()
        await waiting
        await unload
        await models.unloaded()  # nothing to wait for

    asyncio.run(main())
