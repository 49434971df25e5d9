"""In-flight batching over the stub engine, whose text depends on every page, slot and position that it was given."""

import numpy as np
import pytest

from core.errors import Busy, InvalidRequest, NeverFits
from core.protocol import FinishReason, Outcome, Priority
from engines.api.errors import ConstraintError, DeviceError

EOS = 0


def prompts(count, rng, low=1, high=120, vocab=1000):
    return [rng.integers(1, vocab, int(rng.integers(low, high))).tolist() for _ in range(count)]


def alone(make_driver, prompt, **kwargs):
    driver = make_driver(num_pages=64, stop_rate=0.02)
    driver.submit(kwargs.pop("request"), prompt, **kwargs)
    driver.run()
    return driver


def test_64_requests_together_give_what_each_gives_alone(make_driver, lookahead):
    rng = np.random.default_rng(1)
    texts = prompts(64, rng)
    limits = rng.integers(1, 60, 64).tolist()
    arrivals = np.sort(rng.integers(0, 40, 64)).tolist()
    seeds = rng.integers(0, 5, 64).tolist()
    together = make_driver(num_pages=40, num_slots=12, max_tokens=64, stop_rate=0.02, lookahead=lookahead)
    sent = 0
    while sent < 64 or together.loop.busy:
        while sent < 64 and arrivals[sent] <= together.turns:
            together.submit(sent, texts[sent], max_tokens=limits[sent], seed=seeds[sent])
            sent += 1
        together.step()
    together.scheduler.check()
    assert together.scheduler.preemptions > 0  # the pool is small on purpose
    for i in range(64):
        single = alone(make_driver, texts[i], request=i, max_tokens=limits[i], seed=seeds[i])
        assert together.outputs[i, 0] == single.outputs[i, 0], f"request {i}"
        assert together.ends[i, 0] == single.ends[i, 0]
        assert together.completed(i)


def test_a_waiting_sequence_joins_at_the_step_after_one_leaves(make_driver, lookahead):
    driver = make_driver(num_slots=1, lookahead=lookahead)
    driver.submit(1, [5] * 4, max_tokens=3, ignore_eos=True)
    driver.submit(2, [6] * 4, max_tokens=3, ignore_eos=True)
    driver.run()
    owners = [[s.request.id for s, _, _ in step.rows] for step in driver.steps]
    if lookahead == 0:
        assert owners == [[1], [1], [1], [2], [2], [2]]
    else:  # a length stop is planned ahead: no row is wasted, the slot is free once the last step is collected
        assert owners == [[1], [1], [1], [2], [2], [2]]
    assert [step.discarded for step in driver.steps] == [0] * 6
    assert [s.request.id for step in driver.steps for s in step.joined] == [1, 2]


def test_a_late_stop_costs_one_discarded_row_at_lookahead_1_and_none_at_0(make_driver, lookahead):
    driver = make_driver(lookahead=lookahead, stop_rate=1.0)
    driver.submit(1, [5, 6, 7], max_tokens=10)
    driver.submit(2, [5, 6, 8], max_tokens=10, ignore_eos=True)
    driver.run()
    assert driver.outputs[1, 0] == [EOS]
    assert driver.ends[1, 0].stop_token == EOS
    assert driver.dones[1].output_tokens == 1  # the discarded token is neither emitted nor counted
    assert sum(step.discarded for step in driver.steps) == lookahead
    assert driver.outputs[2, 0] == [EOS] * 10


def test_decodes_and_prefill_chunks_share_one_step(make_driver, lookahead):
    driver = make_driver(max_tokens=32, lookahead=lookahead)
    driver.submit(1, [5] * 8, max_tokens=30, ignore_eos=True)
    for _ in range(3):
        driver.step()
    driver.submit(2, [6] * 100, max_tokens=2, ignore_eos=True)
    driver.run()
    mixed = [step for step in driver.steps if len(step.rows) == 2 and step.plan.num_tokens == 32]
    assert len(mixed) >= 3
    assert all(step.plan.num_decodes == 1 for step in mixed)
    assert all(step.plan.num_tokens <= 32 for step in driver.steps)


def test_the_second_turn_computes_at_most_its_new_tokens_and_one_page(make_driver, lookahead):
    driver = make_driver(page_size=16, lookahead=lookahead)
    first = list(range(1, 78))
    driver.submit(1, first, max_tokens=40, ignore_eos=True)
    driver.run()
    new = [900, 901, 902]
    second = first + driver.outputs[1, 0] + new
    before = len(driver.engine.plans)
    driver.submit(2, second, max_tokens=1)
    driver.run()
    asked = sum(plan.num_tokens for plan in list(driver.engine.plans)[before:])
    assert asked <= len(new) + 16
    assert driver.dones[2].cached_tokens == len(second) - asked
    assert driver.dones[1].cached_tokens == 0


def test_n_samples_share_the_prompt_and_copy_only_the_part_page(make_driver, lookahead):
    driver = make_driver(page_size=16, num_slots=8, lookahead=lookahead)
    driver.submit(1, list(range(1, 41)), n=4, max_tokens=20, ignore_eos=True)
    driver.run()
    outputs = [tuple(driver.outputs[1, i]) for i in range(4)]
    assert len(set(outputs)) == 4
    copies = [pair for plan in driver.engine.plans for pair in plan.page_copies.tolist()]
    assert len(copies) == 3  # position 39 lies in page 2, written by each sample of its own
    prompt_tokens = sum(int((plan.positions < 40).sum()) for plan in driver.engine.plans)
    assert prompt_tokens == 40 + 3
    assert driver.dones[1].output_tokens == 80
    for i in range(4):  # each sample is what it would be were its pages its own
        single = make_driver(lookahead=0, num_pages=200)
        single.submit(1, list(range(1, 41)), n=4, max_tokens=20, ignore_eos=True)
        single.run()
        assert tuple(single.outputs[1, i]) == outputs[i]


def test_a_fork_on_a_page_border_copies_nothing(make_driver, lookahead):
    driver = make_driver(page_size=16, lookahead=lookahead)
    driver.submit(1, list(range(1, 34)), n=2, max_tokens=5, ignore_eos=True)
    driver.run()
    assert not any(len(plan.page_copies) for plan in driver.engine.plans)
    assert driver.outputs[1, 0] != driver.outputs[1, 1]


def test_samples_of_one_request_survive_preemption(make_driver, lookahead):
    driver = make_driver(page_size=4, num_pages=20, num_slots=8, lookahead=lookahead)
    driver.submit(1, list(range(1, 19)), n=6, max_tokens=30, ignore_eos=True)
    driver.run()
    wide = make_driver(page_size=4, num_pages=400, num_slots=8)
    wide.submit(1, list(range(1, 19)), n=6, max_tokens=30, ignore_eos=True)
    wide.run()
    assert driver.scheduler.preemptions > 0
    assert driver.outputs == wide.outputs


def test_a_request_that_can_never_fit_is_refused_with_the_numbers(make_driver):
    driver = make_driver(num_pages=9, page_size=16, max_context=4096)  # 128 tokens
    with pytest.raises(NeverFits, match=r"100 prompt tokens \+ max_tokens 50 .* 128 tokens .* at most 28"):
        driver.submit(1, [1] * 100, max_tokens=50)
    with pytest.raises(NeverFits, match="200 prompt tokens"):
        driver.submit(1, [1] * 200)
    small = make_driver(num_pages=64, max_context=64)
    with pytest.raises(NeverFits, match="model's context of 64"):
        small.submit(1, [1] * 64)
    with pytest.raises(InvalidRequest, match="empty"):
        driver.submit(1, [])
    assert driver.scheduler.idle
    driver.submit(1, [1] * 100, max_tokens=28, ignore_eos=True)  # exactly full
    driver.run()
    assert len(driver.outputs[1, 0]) == 28


def test_without_max_tokens_the_answer_ends_where_the_cache_ends(make_driver, lookahead):
    driver = make_driver(num_pages=5, page_size=8, lookahead=lookahead)  # 32 tokens
    driver.submit(1, [1] * 10, ignore_eos=True)
    driver.run()
    assert len(driver.outputs[1, 0]) == 22
    assert driver.ends[1, 0].reason is FinishReason.LENGTH


def test_the_queue_is_bounded(make_driver):
    driver = make_driver(policy={"max_waiting": 2})
    driver.submit(1, [1])
    driver.submit(2, [1])
    with pytest.raises(Busy, match="2 sequences are waiting"):
        driver.submit(3, [1])


def test_cancel_at_any_moment_frees_everything_and_ends_once(make_driver, lookahead):
    for moment in range(12):
        driver = make_driver(max_tokens=16, lookahead=lookahead)
        driver.submit(1, [5] * 40, max_tokens=6, ignore_eos=True, n=2)
        driver.submit(2, [6] * 20, max_tokens=6, ignore_eos=True)
        for _ in range(moment):
            driver.step()
        driver.cancel(1)
        driver.cancel(1)
        driver.cancel(77)
        assert driver.dones[1].outcome in (Outcome.CANCELLED, Outcome.COMPLETED)
        driver.run()
        assert driver.completed(2)


def test_finish_from_the_text_layer_counts_the_kept_tokens(make_driver, lookahead):
    driver = make_driver(lookahead=lookahead)
    driver.submit(1, [5] * 10, max_tokens=50, ignore_eos=True)
    for _ in range(8):
        driver.step()
    driver.finish(1, 0, keep=4)
    driver.finish(1, 0, keep=4)
    driver.finish(1, 9, keep=4)
    driver.run()
    assert driver.dones[1].output_tokens == 4
    assert driver.ends[1, 0].reason is FinishReason.STOP


def test_min_tokens_and_stop_token_ids(make_driver, lookahead):
    driver = make_driver(stop_rate=1.0, lookahead=lookahead)
    driver.submit(1, [5], max_tokens=20, min_tokens=7)
    driver.run()
    assert len(driver.outputs[1, 0]) == 8
    assert driver.outputs[1, 0][-1] == EOS
    assert EOS not in driver.outputs[1, 0][:-1]


def test_progress_tells_how_much_of_the_prompt_is_computed(make_driver):
    driver = make_driver(max_tokens=32)
    driver.submit(1, list(range(1, 101)), max_tokens=1, wants_progress=True)
    driver.run()
    assert [(p.computed, p.total, p.cached) for p in driver.progress[1]] == [(n, 100, 0) for n in (32, 64, 96, 100)]


class EvenTokens:
    """A constraint: even ids below 100; complete after `length` tokens; breaks on demand."""

    def __init__(self, length, breaks_at=None):
        self.seen, self.length, self.breaks_at = [], length, breaks_at

    def advance(self, token_id):
        if len(self.seen) == self.breaks_at:
            raise ConstraintError("The grammar ran out of steps.")
        assert token_id % 2 == 0
        assert 0 < token_id < 100
        self.seen.append(token_id)

    def mask(self, bits):
        for token in range(2, 100, 2):
            bits[token // 32] |= np.uint32(1 << (token % 32))

    def finished(self):
        return len(self.seen) == self.length


def test_constraints_mask_every_token_and_end_the_sample(make_driver, lookahead):
    driver = make_driver(lookahead=lookahead)
    made = []

    def make():
        made.append(EvenTokens(9))
        return made[-1]

    driver.submit(1, [5, 6], max_tokens=50, constraint=make, ignore_eos=True)
    driver.submit(2, [5, 7], max_tokens=12, ignore_eos=True)
    driver.run()
    assert driver.outputs[1, 0] == made[0].seen
    assert len(driver.outputs[1, 0]) == 9
    assert driver.ends[1, 0].reason is FinishReason.STOP
    assert any(token % 2 for token in driver.outputs[2, 0])


def test_a_constraint_that_breaks_ends_its_request_alone(make_driver, lookahead):
    driver = make_driver(lookahead=lookahead)
    driver.submit(1, [5, 6], max_tokens=50, constraint=lambda: EvenTokens(99, breaks_at=3), ignore_eos=True)
    driver.submit(2, [5, 7], max_tokens=12, ignore_eos=True)
    driver.run()
    done = driver.dones[1]
    assert (done.outcome, done.code, done.message) == (
        Outcome.FAILED,
        "constraint_failed",
        "The grammar ran out of steps.",
    )
    assert driver.completed(2)


def test_new_weights_drop_cached_kv_and_recompute_what_runs(make_driver, lookahead):
    driver = make_driver(lookahead=lookahead)
    prompt = list(range(1, 50))
    driver.submit(1, prompt, max_tokens=5, ignore_eos=True)
    driver.run()
    driver.submit(2, prompt, max_tokens=30, ignore_eos=True)
    for _ in range(10):
        driver.step()
    version, events = driver.loop.update_weights({"stub": np.zeros(1)})
    driver.record(events)
    assert version == 1
    assert driver.scheduler.pages.pool.num_held == 0
    driver.submit(3, prompt, max_tokens=5, ignore_eos=True)
    driver.run()
    assert len(driver.outputs[2, 0]) == 30
    assert driver.dones[3].cached_tokens == 0 or driver.engine.weight_version == 1
    assert driver.outputs[3, 0] != driver.outputs[1, 0]


def test_an_engine_that_dies_ends_every_request_once(make_driver, lookahead):
    driver = make_driver(lookahead=lookahead, num_slots=2)
    for i in range(4):
        driver.submit(i, [5 + i] * 20, max_tokens=20, n=2)
    for _ in range(4):
        driver.step()
    driver.record(driver.loop.abort("engine_died", "The GPU fell off the bus."))
    assert {done.outcome for done in driver.dones.values()} == {Outcome.FAILED}
    assert len(driver.dones) == 4
    assert not driver.loop.busy
    driver.scheduler.check()


def test_what_a_step_told_is_not_lost_when_the_engine_dies_in_the_same_turn(make_driver):
    driver = make_driver(lookahead=1)
    driver.submit(1, [5, 6], max_tokens=1, ignore_eos=True)
    driver.submit(2, [5, 7], max_tokens=9, constraint=lambda: EvenTokens(9), ignore_eos=True)
    driver.step()
    sample = driver.engine.sample

    def dies(step, masks=None):
        raise DeviceError("The GPU fell off the bus.")

    driver.engine.sample = dies
    with pytest.raises(DeviceError):  # collected the first step, then failed on the grammar's row of the second
        driver.step()
    driver.engine.sample = sample
    driver.record(driver.loop.abort("engine_failed", "The GPU fell off the bus."))
    assert driver.completed(1)
    assert len(driver.outputs[1, 0]) == len(driver.outputs[2, 0]) == 1
    assert driver.dones[2].outcome is Outcome.FAILED
    assert not driver.loop.busy


def test_progress_never_goes_back_and_ends_with_the_first_token(make_driver, lookahead):
    driver = make_driver(
        num_slots=2, num_pages=14, page_size=4, max_tokens=8, lookahead=lookahead, policy={"patience_steps": 4}
    )
    driver.submit(0, list(range(1, 31)), max_tokens=12, ignore_eos=True, wants_progress=True, priority=Priority.BATCH)
    told = []
    for turn in range(400):
        if turn % 9 == 2 and len(driver.dones) < 8:
            driver.submit(turn, [50 + turn] * 45, max_tokens=3, ignore_eos=True)
        if driver.loop.busy:
            driver.step()
        if driver.outputs[0, 0] and not told:
            told = list(driver.progress[0])
    driver.run()
    assert driver.scheduler.preemptions > 0
    computed = [progress.computed for progress in driver.progress[0]]
    assert computed == sorted(set(computed))
    assert computed[-1] == 30
    assert driver.progress[0] == told  # nothing more once text flows


def test_refusals_name_the_parameter_that_is_to_blame(make_driver):
    driver = make_driver(num_pages=9, page_size=16, policy={"max_waiting": 3})
    with pytest.raises(NeverFits) as long:
        driver.submit(1, [1] * 128)
    with pytest.raises(NeverFits) as many:
        driver.submit(1, [1] * 100, max_tokens=29)
    with pytest.raises(InvalidRequest, match="n is 4, but at most 3") as wide:  # never Busy: waiting would not help
        driver.submit(1, [1], n=4)
    assert (long.value.param, many.value.param, wide.value.param) == ("prompt", "max_tokens", "n")
    driver.submit(1, [1], n=3)
    with pytest.raises(Busy, match="3 sequences are waiting already, the limit is 3"):
        driver.submit(2, [1])
