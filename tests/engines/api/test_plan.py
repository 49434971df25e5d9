"""StepPlan: one buffer, typed views, every broken invariant named."""

import numpy as np
import pytest

from engines.api import DUMMY_PAGE, FROM_SLOT, PlanRow, StepPlan
from engines.api.errors import ContractError
from engines.api.plan import H_VERSION, H_WORDS, HEADER_WORDS

LIMITS = {"page_size": 4, "num_pages": 20, "num_slots": 8, "vocab_size": 100}


def ids(*values):
    return np.array(values, np.int32)


def make_rows():
    return [
        PlanRow(slot=3, start=5, token_ids=None, pages=ids(7, 8), wants_logits=True, is_decode=True),
        PlanRow(slot=1, start=0, token_ids=None, pages=ids(2), wants_logits=True, is_decode=True),
        PlanRow(slot=0, start=6, token_ids=ids(11, 12, 13), pages=ids(4, 5, 6), wants_logits=False, is_decode=False),
        PlanRow(slot=5, start=0, token_ids=ids(21, 22), pages=ids(9), wants_logits=True, is_decode=False),
    ]


def test_views_hold_what_the_rows_said():
    plan = StepPlan.build(42, make_rows(), [(10, 9)])
    plan.check(**LIMITS)
    assert (plan.step, plan.num_tokens, plan.num_rows, plan.num_decodes, plan.num_logits) == (42, 7, 4, 2, 3)
    assert plan.tokens.tolist() == [FROM_SLOT, FROM_SLOT, 11, 12, 13, 21, 22]
    assert plan.positions.tolist() == [5, 0, 6, 7, 8, 0, 1]
    assert plan.query_start.tolist() == [0, 1, 2, 5, 7]
    assert plan.slots.tolist() == [3, 1, 0, 5]
    assert plan.kv_len.tolist() == [6, 1, 9, 2]
    assert plan.page_start.tolist() == [0, 2, 3, 6, 7]
    assert plan.page_ids.tolist() == [7, 8, 2, 4, 5, 6, 9]
    assert plan.logit_row.tolist() == [0, 1, 3]
    assert plan.logit_token.tolist() == [0, 1, 6]
    assert plan.page_copies.tolist() == [[10, 9]]
    assert plan.row_pages(2).tolist() == [4, 5, 6]
    assert plan.tokens[plan.row_tokens(2)].tolist() == [11, 12, 13]


def test_the_bytes_alone_are_the_plan():
    plan = StepPlan.build(1, make_rows())
    again = StepPlan(np.frombuffer(plan.buffer.tobytes(), np.int32))
    for name in (
        "tokens",
        "positions",
        "query_start",
        "slots",
        "kv_len",
        "page_start",
        "page_ids",
        "logit_token",
        "logit_row",
    ):
        assert np.array_equal(getattr(plan, name), getattr(again, name))
        view = getattr(plan, name)
        assert (view.ctypes.data - plan.buffer.ctypes.data) % 16 == 0  # 16-byte sections, for vector loads
        assert view.base is not None


def test_decode_rows_may_give_their_token():
    row = PlanRow(slot=0, start=4, token_ids=ids(9), pages=ids(1, 2), wants_logits=True, is_decode=True)
    assert StepPlan.build(0, [row]).tokens.tolist() == [9]


def test_foreign_buffers_are_refused():
    good = StepPlan.build(1, make_rows()).buffer
    for word, value, reason in ((0, 5, "version"), (H_VERSION, 99, "version 99"), (H_WORDS, 7, "7 words")):
        bad = good.copy()
        bad[word] = value
        with pytest.raises(ContractError, match=reason):
            StepPlan(bad)
    with pytest.raises(ContractError, match="header"):
        StepPlan(good[: HEADER_WORDS - 1])
    with pytest.raises(ContractError, match="int32"):
        StepPlan(good.astype(np.int64))


BREAKS = {
    "Slots": lambda plan: plan.slots.__setitem__(0, 1),
    "Slots of a step": lambda plan: plan.slots.__setitem__(0, 8),
    "vocabulary": lambda plan: plan.tokens.__setitem__(3, 100),
    "FROM_SLOT": lambda plan: plan.tokens.__setitem__(2, FROM_SLOT),
    "kv_len": lambda plan: plan.positions.__setitem__(6, 5),
    "covers its kv_len": lambda plan: (plan.kv_len.__setitem__(3, 6), plan.positions.__setitem__(6, 5)),
    "page id": lambda plan: plan.page_ids.__setitem__(0, DUMMY_PAGE),
    "page id is outside": lambda plan: plan.page_ids.__setitem__(0, 20),
    "page copy": lambda plan: plan.page_copies.__setitem__((0, 1), 0),
    "another one of its step": lambda plan: plan.page_copies.__setitem__((1, 0), 9),
    "writes what another": lambda plan: plan.page_copies.__setitem__((1, 1), 9),
    "same page": lambda plan: plan.page_ids.__setitem__(1, 6),
}


@pytest.mark.parametrize("reason", BREAKS)
def test_check_names_what_is_broken(reason):
    plan = StepPlan.build(1, make_rows(), [(10, 9), (11, 12)])
    BREAKS[reason](plan)
    with pytest.raises(ContractError, match=reason):
        plan.check(**LIMITS)


def test_sharing_a_page_that_nobody_writes_is_fine():
    plan = StepPlan.build(1, make_rows())
    plan.page_ids[0] = plan.page_ids[3] = 15  # both rows write later pages
    plan.check(**LIMITS)


def test_empty_and_uneven_rows_are_refused():
    with pytest.raises(ContractError, match="at least one token"):
        StepPlan.build(0, []).check(**LIMITS)
    row = PlanRow(slot=0, start=0, token_ids=ids(1, 2), pages=ids(1), wants_logits=True, is_decode=True)
    with pytest.raises((ContractError, ValueError)):
        StepPlan.build(0, [row]).check(**LIMITS)
