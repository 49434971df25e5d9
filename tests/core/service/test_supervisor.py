"""A loaded model through its real worker process: answers, endings, and what a crash leaves."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from core.protocol import Outcome


def test_answers_a_crash_and_answers_again(workers: Any) -> None:
    async def main() -> None:
        async with workers.supervisor() as supervisor:
            handle = await supervisor.load(Path("stub"), workers.stub())
            stories = await asyncio.gather(*(workers.ask(handle) for _ in range(20)))
            assert {story.tokens[0] for story in stories} == {20}
            task = asyncio.create_task(workers.ask(handle, max_tokens=8000))
            await asyncio.sleep(0.3)
            os.kill(handle.pid, signal.SIGKILL)
            story = await task
            assert story.outcome is Outcome.FAILED
            assert story.done.code == "engine_died"
            assert story.done.output_tokens == story.tokens[0] > 0
            assert (await workers.ask(handle)).tokens[0] == 20

    asyncio.run(main())
