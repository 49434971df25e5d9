"""The waiting queue against a plain model of it, and its cost with very many waiting."""

import random
import time
from types import SimpleNamespace

import pytest

from core.protocol import Priority
from core.scheduler.policy import WaitingQueue


def entry(arrival, client="", priority=Priority.INTERACTIVE, index=0):
    return SimpleNamespace(
        arrival=arrival, index=index, request=SimpleNamespace(client=client, priority=priority), name=(arrival, index)
    )


def first(waiting, load, priority, promoted):
    """What `peek` has to give, by definition."""
    if priority is Priority.INTERACTIVE and promoted is not None:
        return promoted
    heads = {}
    for item in sorted(waiting, key=lambda item: item.name):
        if item.request.priority is priority:
            heads.setdefault(item.request.client, item)
    ranked = [(load.get(client, 0), item.name, item) for client, item in heads.items() if item is not promoted]
    return min(ranked, key=lambda entry: entry[:2], default=(0, 0, None))[2]


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_calls_gives_what_the_definition_gives(seed):
    rng = random.Random(seed)
    queue, waiting, gone, promoted = WaitingQueue(), [], [], None
    for arrival in range(400):
        if rng.random() < 0.55 or not waiting:
            item = (
                gone.pop()
                if gone and rng.random() < 0.5
                else entry(arrival, rng.choice("abcd"), rng.choice(list(Priority)), rng.randrange(2))
            )
            queue.add(item)
            waiting.append(item)
        else:
            item = waiting.pop(rng.randrange(len(waiting)))
            queue.remove(item)
            gone.append(item)
            promoted = None if item is promoted else promoted
        batch = [item for item in waiting if item.request.priority is Priority.BATCH]
        if batch and rng.random() < 0.1:
            promoted = rng.choice(batch)
            queue.promote(promoted)
        load = {client: rng.randrange(3) for client in "abc"}
        for priority in Priority:
            assert queue.peek(load, priority) is first(waiting, load, priority, promoted)
            same = [item for item in waiting if item.request.priority is priority]
            assert queue.oldest(priority) is min(same, key=lambda item: item.name, default=None)
        assert len(queue) == len(waiting)


def test_ten_thousand_waiting_clients_cost_nothing_per_step(make_driver):
    driver = make_driver(num_slots=2, num_pages=64)
    for i in range(10_000):
        driver.submit(i, [1 + i % 900] * 8, n=2, max_tokens=50, ignore_eos=True, client=f"client {i}")
    driver.step()
    seconds = []
    for _ in range(30):
        start = time.perf_counter()
        driver.scheduler.roster.ready_forks()
        driver.scheduler.waiting.oldest(Priority.BATCH)
        driver.scheduler.waiting.peek({}, Priority.INTERACTIVE)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.001  # about 10 us; it was 3 ms
    for i in range(10_000):
        driver.cancel(i)
    driver.run()
    assert len(driver.dones) == 10_000
