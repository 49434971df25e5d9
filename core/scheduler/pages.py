"""Pages of sequences: found in the prefix index, allocated, shared on a fork, published, released."""

from __future__ import annotations

from core.kv.blocks import BlockPool
from core.kv.prefix import PrefixIndex, page_hash
from core.scheduler.request import Sequence


class SequencePages:
    """The one place that moves pages between sequences, pool and index."""

    def __init__(self, num_pages: int, page_size: int, salt: bytes) -> None:
        self.page_size = page_size
        self.index = PrefixIndex()
        self.pool = BlockPool(num_pages, self.index)
        self._salt = salt

    def pages_for(self, tokens: int) -> int:
        return -(-tokens // self.page_size)

    def _hash(self, sequence: Sequence, page: int) -> bytes:
        """Chain hash of full page number `page`; hashes of a sequence are made once."""
        hashes = sequence.hashes
        size = self.page_size
        while len(hashes) <= page:
            at = len(hashes) * size
            hashes.append(page_hash(hashes[-1] if hashes else self._salt, sequence.tokens[at : at + size]))
        return hashes[page]

    def match(self, sequence: Sequence) -> list[int]:
        """Published pages that hold the start of the sequence. At least its last token is left to compute."""
        found: list[int] = []
        for page in range((sequence.total - 1) // self.page_size):
            hit = self.index.find(self._hash(sequence, page))
            if hit is None:
                break
            found.append(hit)
        return found

    def shortfall(self, sequence: Sequence, shared: list[int], spare: int) -> int:
        """Pages missing (<= 0: none) to take `shared`, allocate the rest of the known tokens' pages and leave `spare`."""
        idle = sum(1 for page in shared if self.pool.refs(page) == 0)
        return self.pages_for(sequence.total) - len(shared) + spare - (self.pool.available - idle)

    def take(self, sequence: Sequence, shared: list[int]) -> None:
        """Hold `shared` and allocate pages for all other known tokens; what is shared counts as computed."""
        self.pool.hold(shared)
        sequence.add_pages(shared + self.pool.allocate(self.pages_for(sequence.total) - len(shared)))
        sequence.cached = sequence.computed = sequence.planned = len(shared) * self.page_size
        sequence.published = len(shared)

    def forkable(self, sequence: Sequence, leader: Sequence) -> list[int]:
        """Pages of `leader` that hold the prompt but for its last token, the last page possibly in part; [] if there are none."""
        keep = len(sequence.request.prompt) - 1
        if leader.slot is None or leader.planned < keep or sequence.total != keep + 1:
            return []
        pages: list[int] = leader.pages[: self.pages_for(keep)].tolist()
        return pages

    def fork(self, sequence: Sequence, shared: list[int]) -> list[tuple[int, int]]:
        """Copy on write: hold the leader's full pages, and copy the part page that this sequence will write to.
        Returns the page copies that the next plan must carry."""
        keep = len(sequence.request.prompt) - 1
        full = keep // self.page_size
        self.pool.hold(shared[:full])
        own = self.pool.allocate(self.pages_for(sequence.total) - full)
        sequence.add_pages(shared[:full] + own)
        sequence.cached = sequence.computed = sequence.planned = keep
        sequence.published = full
        return [(shared[full], own[0])] if len(shared) > full else []

    def extend(self, sequence: Sequence) -> bool:
        """One more page for the next decode, if its position needs one. False: there is none."""
        if sequence.planned < sequence.num_pages * self.page_size:
            return True
        if not self.pool.available:
            return False
        sequence.add_pages(self.pool.allocate(1))
        return True

    def publish(self, sequence: Sequence) -> None:
        """Offer every full, computed page to the index."""
        full = sequence.computed // self.page_size
        for page in range(sequence.published, full):
            self.index.publish(self._hash(sequence, page), int(sequence.table[page]))
        sequence.published = max(sequence.published, full)

    def release(self, sequence: Sequence) -> None:
        """Give all pages back. Idempotent."""
        self.pool.release(sequence.pages.tolist())
        sequence.drop_pages()
        sequence.published = 0
        sequence.cached = sequence.computed = sequence.planned = 0

    def new_weights(self, salt: bytes) -> None:
        """Nothing computed so far may be found again. Call with no sequence holding pages."""
        self._salt = salt
        self.pool.drop_cached()
