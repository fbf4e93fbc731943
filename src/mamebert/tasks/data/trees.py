"""The best dependency tree for given scores (Chu and Liu, 1965; Edmonds, 1967), with one word below the root."""

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Heads = npt.NDArray[np.int64]


def maximum_spanning_tree(scores: npt.NDArray[np.floating]) -> Heads:
    """Return the head of every word in the tree of the highest total score.

    `scores` are [n + 1, n + 1]: row d, column h says how well word h is the head of word d. Words are numbered from
    1, and 0 is the root, of which exactly one word is a child; row 0 and the diagonal are not read. The heads are [n],
    those of words 1 to n. Scores that are not finite numbers are a ValueError.
    """
    if not np.isfinite(scores).all():
        raise ValueError("A tree needs finite scores.")
    num_words = len(scores) - 1
    if num_words < 2:
        return np.zeros(num_words, np.int64)
    work = np.array(scores, np.float64)
    work[0] = 0
    np.fill_diagonal(work, 0)
    # A second child of the root costs more than any tree without it can lose.
    work[1:, 0] -= 1 + (num_words + 1) * np.ptp(work)
    work[0] = -np.inf
    np.fill_diagonal(work, -np.inf)
    return _Contraction(work).tree()[1:]


class _Contraction:
    """A graph whose cycles of best edges are drawn together into one node each, until there is none."""

    def __init__(self, scores: Scores) -> None:
        size = len(scores)
        self.scores = scores
        """[dependent, head], of the nodes that are left; a contracted cycle goes by one of its members."""
        self.heads = scores.argmax(axis=1)
        self.heads[0] = 0
        # The edge between words that an edge between nodes stands for.
        self.word = np.repeat(np.arange(size)[:, None], size, axis=1)
        self.head_word = self.word.T.copy()
        self.members = np.eye(size, dtype=bool)
        """[node, word]: the words drawn together in a node."""
        self.left = np.ones(size, bool)

    def tree(self) -> Heads:
        """Return the head of every word, [n + 1], the root's being 0."""
        contracted = []
        while cycle := _cycle(self.heads, self.left):
            contracted.append([self._edge(node) for node in cycle])
            self._contract(np.array(cycle))
        found = np.full(len(self.heads), -1, np.int64)
        for node in np.flatnonzero(self.left)[1:].tolist():
            word, head, _ = self._edge(node)
            found[word] = head
        for edges in reversed(contracted):  # the last drawn together holds the others
            for word, head, members in edges:
                if (found[members] < 0).all():  # else the edge from outside comes in here, and opens the cycle
                    found[word] = head
        found[0] = 0
        return found

    def _edge(self, node: int) -> tuple[int, int, npt.NDArray[np.bool_]]:
        """Return the words of the best edge into a node, and all words in the node."""
        at = node, self.heads[node]
        return int(self.word[at]), int(self.head_word[at]), self.members[node].copy()

    def _contract(self, cycle: Heads) -> None:
        scores, first, others = self.scores, cycle[0], cycle[1:]
        columns = np.arange(len(scores))
        # Coming in at a member costs the edge of the cycle which then is left out.
        inward = scores[cycle] - scores[cycle, self.heads[cycle]][:, None]
        best = cycle[inward.argmax(axis=0)]
        scores[first] = inward.max(axis=0)
        self.word[first], self.head_word[first] = self.word[best, columns], self.head_word[best, columns]
        best = cycle[scores[:, cycle].argmax(axis=1)]
        scores[:, first] = scores[columns, best]
        self.word[:, first], self.head_word[:, first] = self.word[columns, best], self.head_word[columns, best]
        scores[others], scores[:, others], scores[first, first] = -np.inf, -np.inf, -np.inf
        self.members[first] = self.members[cycle].any(axis=0)
        self.left[others] = False
        self.heads[np.isin(self.heads, others)] = first
        self.heads[first] = scores[first].argmax()


def _cycle(heads: Heads, left: npt.NDArray[np.bool_]) -> list[int]:
    """Return the nodes of a cycle; none where every way leads to the root."""
    above = heads.tolist()
    seen_from = [0] + [-1] * (len(above) - 1)  # 0: leads to the root
    for start in np.flatnonzero(left)[1:].tolist():
        way, node = [], start
        while seen_from[node] < 0:
            seen_from[node] = start
            way.append(node)
            node = above[node]
        if seen_from[node] == start:
            return way[way.index(node) :]
        for each in way:
            seen_from[each] = 0
    return []
