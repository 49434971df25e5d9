"""Who waits for whom: an interactive chat is never starved by batch work, and batch work always progresses."""

import random

import pytest

from core.protocol import Priority
from core.scheduler.policy import SchedulerConfig, StepTime, token_budget

BATCH = Priority.BATCH


def test_an_interactive_request_takes_a_slot_from_batch_work(make_driver, lookahead):
    driver = make_driver(num_slots=2, lookahead=lookahead)
    for i in range(4):
        driver.submit(i, [5 + i] * 20, max_tokens=200, ignore_eos=True, priority=BATCH)
    for _ in range(5):
        driver.step()
    driver.submit(9, [1] * 20, max_tokens=3, ignore_eos=True)
    for _ in range(3 + 2 * lookahead):
        driver.step()
    assert len(driver.outputs[9, 0]) == 3
    driver.run()
    assert all(len(driver.outputs[i, 0]) == 200 for i in range(4))


def test_an_interactive_request_takes_pages_from_batch_work(make_driver, lookahead):
    driver = make_driver(num_slots=8, num_pages=17, page_size=16, lookahead=lookahead)  # 256 tokens
    for i in range(3):
        driver.submit(i, [5 + i] * 60, max_tokens=60, ignore_eos=True, priority=BATCH)
    for _ in range(30):
        driver.step()
    driver.submit(9, [1] * 150, max_tokens=20, ignore_eos=True)
    for _ in range(24 + 3 * lookahead):
        driver.step()
    assert 9 in driver.dones
    driver.run()
    assert all(driver.completed(i) for i in range(3))


def test_batch_work_progresses_under_endless_interactive_load(make_driver, lookahead):
    driver = make_driver(
        num_slots=2, num_pages=33, lookahead=lookahead, policy={"patience_steps": 20, "quantum_tokens": 8}
    )
    driver.submit(0, [7] * 40, max_tokens=40, ignore_eos=True, priority=BATCH)
    sent = 0
    while 0 not in driver.dones:
        while len(driver.scheduler.waiting) < 4:
            sent += 1
            driver.submit(sent, [1 + sent % 900] * 30, max_tokens=10, ignore_eos=True)
        driver.step()
        assert driver.turns < 1000, "the batch request starves"
    assert sent > 8


def test_prefill_of_batch_work_gets_its_share_of_each_step(make_driver):
    driver = make_driver(num_slots=4, max_tokens=64, num_pages=300)
    driver.submit(0, [7] * 400, max_tokens=1, priority=BATCH)
    driver.submit(1, [8] * 400, max_tokens=1)
    driver.step()
    shares = {s.request.id: count for s, count, _ in driver.steps[0].rows}
    assert shares == {1: 56, 0: 8}


def test_one_client_with_many_prompts_does_not_hold_up_another(make_driver):
    driver = make_driver(num_slots=3, num_pages=300)
    for i in range(30):
        driver.submit(i, [3 + i] * 20, max_tokens=40, ignore_eos=True, client="a")
    driver.submit(99, [2] * 20, max_tokens=5, ignore_eos=True, client="b")
    while 99 not in driver.dones:
        driver.step()
    assert len(driver.dones) <= 4


def test_the_token_budget_follows_the_measured_step_time_while_a_chat_runs(make_driver):
    now = [0.0]
    driver = make_driver(
        max_tokens=256, num_pages=400, clock=lambda: now[0], policy={"target_step_s": 0.05, "slowdown": 1e9}
    )
    collect = driver.engine.collect

    def slow_collect(step):  # 2 ms and 0.5 ms a token
        now[0] += 0.002 + 0.0005 * step.plan.num_tokens
        return collect(step)

    driver.engine.collect = slow_collect
    driver.submit(0, [7] * 2000, max_tokens=1, priority=BATCH)
    driver.step()
    assert driver.steps[-1].plan.num_tokens == 256  # no chat: the whole step
    driver.submit(1, [9] * 10, max_tokens=30, ignore_eos=True)
    for _ in range(8):
        driver.step()
    sizes = [step.plan.num_tokens for step in driver.steps[4:]]
    assert all(60 <= size <= 110 for size in sizes), sizes  # (50 - 2) / 0.5 = 96
    driver.run()


@pytest.mark.parametrize(("noise", "jump"), [(0.0, 0.0), (0.2, 0.0), (0.1, 0.009)])
def test_batch_work_makes_a_chat_at_most_twice_as_slow(make_driver, noise, jump):
    """A step takes 3 ms and 0.4 ms a token, give or take, and with more than one row `jump` more, which no line through what
    steps took tells; 40 prompts of a summary are under way."""
    now, rng = [0.0], random.Random(3)
    driver = make_driver(max_tokens=512, num_slots=64, num_pages=4000, clock=lambda: now[0])
    collect = driver.engine.collect
    lengths = []

    def slow_collect(step):
        seconds = 0.003 + 0.0004 * step.plan.num_tokens + (jump if step.plan.num_tokens > 1 else 0.0)
        lengths.append(seconds * rng.uniform(1 - noise, 1 + noise))
        now[0] += lengths[-1]
        return collect(step)

    driver.engine.collect = slow_collect
    for i in range(40):
        driver.submit(i, [7 + i] * 300, max_tokens=60, ignore_eos=True, priority=BATCH)
    for _ in range(12):
        driver.step()
    driver.submit(99, [9] * 40, max_tokens=400, ignore_eos=True)
    driver.step()
    before, done = len(lengths), sum(step.plan.num_tokens for step in driver.steps)
    while 99 not in driver.dones:
        driver.step()
    chat = sorted(lengths[before:])
    assert chat[len(chat) // 2] <= 2 * 0.0034
    assert sum(chat) / len(chat) <= 1.8 * 0.0034
    batch = sum(step.plan.num_tokens for step in driver.steps) - done - len(chat)
    assert batch > (
        len(chat) // 2 if jump else 2 * len(chat)
    )  # and the summary gets on meanwhile: what is left of the time
    driver.run()
    assert len(driver.dones) == 41


def test_a_second_chat_is_let_in_at_the_usual_pace_beside_batch_work(make_driver):
    now = [0.0]
    driver = make_driver(max_tokens=512, num_slots=64, num_pages=4000, clock=lambda: now[0])
    collect = driver.engine.collect

    def slow_collect(step):
        now[0] += 0.003 + 0.0004 * step.plan.num_tokens
        return collect(step)

    driver.engine.collect = slow_collect
    for i in range(40):
        driver.submit(i, [7 + i] * 300, max_tokens=60, ignore_eos=True, priority=BATCH)
    driver.submit(98, [9] * 40, max_tokens=300, ignore_eos=True)
    for _ in range(40):
        driver.step()
    driver.submit(99, [8] * 400, max_tokens=5, ignore_eos=True)
    began = driver.turns
    while 99 not in driver.dones:
        driver.step()
    assert driver.turns - began < 20  # 400 tokens in steps of 0.1 s


def test_step_time_is_fitted_and_survives_constant_input():
    model = StepTime()
    assert model.tokens_within(1.0) is None
    for _ in range(50):
        model.observe(100, 0.1)
    assert model.tokens_within(0.05) == pytest.approx(50, abs=1)
    for tokens in (10, 200, 50, 300):
        model.observe(tokens, 0.01 + 0.001 * tokens)
    assert 30 <= model.tokens_within(0.05) <= 60


def test_the_budget_never_starves_decodes_or_prefill():
    config = SchedulerConfig(
        max_tokens=512, num_slots=64, max_context=1000, page_size=16, target_step_s=0.001, min_chunk=32
    )
    model = StepTime()
    model.observe(100, 1.0)
    assert token_budget(config, model, interactive_decodes=1, decodes=40) == 72
    assert token_budget(config, model, interactive_decodes=0, decodes=40) == 512


def test_batch_work_alone_takes_its_turns_without_preemption(make_driver, lookahead):
    driver = make_driver(num_slots=2, num_pages=64, lookahead=lookahead, policy={"patience_steps": 5})
    for i in range(6):
        driver.submit(i, [5 + i] * 20, max_tokens=40, ignore_eos=True, priority=BATCH)
    driver.run()
    assert driver.scheduler.preemptions == 0
    assert list(driver.dones) == list(range(6))
    assert not any(step.beside_chat for step in driver.steps)  # nor is one promoted, to the others' loss


def test_a_batch_request_that_is_preempted_again_and_again_is_promoted(make_driver, lookahead):
    """Its pages are evicted each time: that it computes the same positions over and over is no progress."""
    driver = make_driver(
        num_slots=2, num_pages=13, page_size=4, max_tokens=8, lookahead=lookahead, policy={"patience_steps": 16}
    )
    driver.submit(0, list(range(1, 31)), max_tokens=2, ignore_eos=True, priority=BATCH)
    sent = 0
    while 0 not in driver.dones:
        if driver.turns % 4 == 0 and not driver.scheduler.waiting.oldest(Priority.INTERACTIVE):
            sent += 1
            driver.submit(sent, [40 + sent % 900] * 36, max_tokens=2, ignore_eos=True)
        driver.step()
        assert driver.turns < 600, "the batch request starves"


def test_no_token_is_kept_for_batch_work_that_has_no_slot(make_driver):
    driver = make_driver(num_slots=1, max_tokens=64, num_pages=300)
    driver.submit(0, [7] * 400, max_tokens=1)
    driver.step()
    driver.step()
    driver.submit(2, [9] * 400, max_tokens=1, priority=BATCH)
    driver.step()
    assert [step.plan.num_tokens for step in driver.steps] == [64, 64, 64]
    driver.run()
