import numpy as np
import pytest

from core.errors import InternalError
from core.kv.blocks import BlockPool, OutOfPages
from core.kv.prefix import PrefixIndex, make_salt, page_hash


def make_pool(pages=6):
    index = PrefixIndex()
    return BlockPool(pages, index), index


def test_the_dummy_page_is_never_handed_out():
    pool, _ = make_pool(5)
    assert sorted(pool.allocate(4)) == [1, 2, 3, 4]
    with pytest.raises(OutOfPages):
        pool.allocate(1)


def test_allocate_takes_nothing_when_there_is_too_little():
    pool, _ = make_pool(5)
    with pytest.raises(OutOfPages):
        pool.allocate(5)
    assert pool.num_free == 4


def test_shared_pages_come_back_when_the_last_holder_lets_go():
    pool, _ = make_pool()
    pages = pool.allocate(2)
    pool.hold(pages)
    pool.release(pages)
    assert pool.num_held == 2
    pool.release(pages)
    assert pool.num_free == 5
    with pytest.raises(InternalError, match="more often"):
        pool.release(pages)
    with pytest.raises(InternalError, match="free"):
        pool.hold([1])


def test_published_pages_are_kept_and_evicted_tail_first_oldest_first():
    pool, index = make_pool(6)
    first, second = pool.allocate(2), pool.allocate(2)
    for page in first + second:
        index.publish(bytes([page]), page)
    pool.release(first)
    pool.release(second)
    assert (pool.num_cached, pool.num_free) == (4, 1)
    pool.allocate(2)  # the free one, then the tail of the sequence released first
    assert not index.is_published(first[1])
    assert index.is_published(first[0])
    pool.hold([first[0]])
    assert pool.refs(first[0]) == 1
    pool.check()


def test_drop_cached_makes_everything_unfindable_but_keeps_holders():
    pool, index = make_pool(6)
    held, cached = pool.allocate(1), pool.allocate(2)
    for page in held + cached:
        index.publish(bytes([page]), page)
    pool.release(cached)
    pool.drop_cached()
    assert len(index) == 0
    assert (pool.num_held, pool.num_cached, pool.num_free) == (1, 0, 4)
    pool.release(held)
    pool.check()


def test_check_sees_a_lost_page():
    pool, _ = make_pool()
    pool.allocate(1)
    pool._refs[1] = pool._refs[5] = 0
    with pytest.raises(InternalError, match="do not add up"):
        pool.check()


def test_a_pool_needs_a_page():
    with pytest.raises(InternalError):
        make_pool(1)


def test_hash_chain_depends_on_salt_order_and_everything_before():
    page = np.arange(16, dtype=np.int32)
    salt = make_salt("model", 0, "fp32")
    assert salt != make_salt("model", 1, "fp32")
    assert make_salt("ab", "c") != make_salt("a", "bc")
    assert page_hash(salt, page) != page_hash(make_salt("model", 1, "fp32"), page)
    chain = page_hash(page_hash(salt, page), page + 1)
    assert chain != page_hash(page_hash(salt, page + 1), page)
    assert len(chain) == 16


def test_the_first_page_with_a_content_stays():
    index = PrefixIndex()
    index.publish(b"x", 1)
    index.publish(b"x", 2)
    index.publish(b"y", 1)
    assert index.find(b"x") == 1
    assert not index.is_published(2)
    assert index.find(b"y") is None
    index.forget(2)
    index.forget(1)
    assert index.find(b"x") is None
