"""The page pool: reference counts, and pages that nobody holds but whose content may be used again.

Every page but the dummy page 0 is in exactly one of three states:

    free     no content worth keeping
    cached   reference count 0, content published in the prefix index; reused, or evicted oldest first
    held     reference count >= 1; several sequences may hold one page (a shared prefix), then nobody writes it
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from core.errors import InternalError
from core.kv.prefix import PrefixIndex


class OutOfPages(Exception):
    """Not enough free or cached pages. Internal to scheduling: the scheduler preempts or waits."""


class BlockPool:
    """Pages 1 .. num_pages - 1. Deterministic: the page freed last is handed out first; cached ones are evicted oldest first."""

    def __init__(self, num_pages: int, index: PrefixIndex) -> None:
        if num_pages < 2:
            raise InternalError(f"A pool needs at least one page besides the dummy page, got {num_pages} in all.")
        self.num_pages = num_pages
        self._index = index
        self._refs = [0] * num_pages
        self._free = list(range(num_pages - 1, 0, -1))
        self._cached: OrderedDict[int, None] = OrderedDict()

    @property
    def capacity(self) -> int:
        """Pages that can be held at once."""
        return self.num_pages - 1

    @property
    def available(self) -> int:
        """Pages that `allocate` can hand out now."""
        return len(self._free) + len(self._cached)

    @property
    def num_free(self) -> int:
        return len(self._free)

    @property
    def num_cached(self) -> int:
        return len(self._cached)

    @property
    def num_held(self) -> int:
        return self.capacity - self.available

    def refs(self, page: int) -> int:
        return self._refs[page]

    def allocate(self, count: int) -> list[int]:
        """`count` pages with reference count 1, unpublished. Raises OutOfPages and takes nothing if there are fewer."""
        if count > self.available:
            raise OutOfPages
        pages = []
        for _ in range(count):
            if self._free:
                page = self._free.pop()
            else:
                page, _ = self._cached.popitem(last=False)
                self._index.forget(page)
            self._refs[page] = 1
            pages.append(page)
        return pages

    def hold(self, pages: Iterable[int]) -> None:
        """One more reference on each page; a cached page is held again."""
        for page in pages:
            if self._refs[page] == 0:
                if page not in self._cached:
                    raise InternalError(f"Page {page} is free and cannot be shared.")
                del self._cached[page]
            self._refs[page] += 1

    def release(self, pages: Iterable[int]) -> None:
        """One reference less on each page, given in sequence order. The tail becomes evictable before the head."""
        for page in reversed(list(pages)):
            if self._refs[page] <= 0:
                raise InternalError(f"Page {page} was released more often than held.")
            self._refs[page] -= 1
            if self._refs[page] == 0:
                if self._index.is_published(page):
                    self._cached[page] = None
                else:
                    self._free.append(page)

    def drop_cached(self) -> None:
        """Forget every published page: cached pages become free, held ones private (a weight update)."""
        self._index.clear()
        self._free.extend(reversed(self._cached))
        self._cached.clear()

    def check(self) -> None:
        """Every page is in exactly one state. O(pages); for tests and for the idle check."""
        free, cached = set(self._free), set(self._cached)
        held = {page for page in range(1, self.num_pages) if self._refs[page] > 0}
        whole = len(free) + len(cached) + len(held) == self.capacity == len(free | cached | held)
        if not whole or len(free) != len(self._free) or 0 in free | cached | held or any(r < 0 for r in self._refs):
            raise InternalError(
                f"KV pages do not add up: {len(self._free)} free, {len(cached)} cached, {len(held)} held of {self.capacity}."
            )
        if not all(self._index.is_published(page) for page in cached) or any(self._index.is_published(p) for p in free):
            raise InternalError("A cached KV page is not published, or a free one is.")
