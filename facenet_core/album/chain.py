"""Average linkage of a few thousand clusters, from the matrix of their cosines, by chains of nearest neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def chained(cosines: NDArray[np.float32], weights: NDArray[np.float32], floor: float) -> NDArray[np.int64]:
    """Joins clusters until no mean cosine of two reaches a floor.

    From any cluster to its nearest one, from there to its nearest one and so on,
    until two are each other's: those are joined. It takes at most three looks for
    each cluster, whatever they look like (Murtagh, "A survey of recent advances in
    hierarchical clustering algorithms", The Computer Journal 26(4), 1983).

    Args:
        cosines: Shape ``(m, m)``, float32: between the faces of two clusters, on
            average; -infinity where they are never joined, and on the diagonal.
            What is in it is lost.
        weights: Shape ``(m,)``, float32: how many faces each has.
        floor: The least mean cosine of two that are joined.

    Returns:
        Shape ``(m,)``, int64: for each cluster, the smallest number of one that it
        was joined with; its own if there is none.
    """
    weights, into = weights.copy(), np.arange(len(weights), dtype=np.int64)
    # Equal both ways, or a chain may run in a circle.
    np.minimum(cosines, cosines.T.copy(), out=cosines)
    for start in range(len(weights)):
        chain = [start] if into[start] == start else []
        while chain:
            last = chain[-1]
            row = cosines[last]
            nearest = int(row.argmax())
            if row[nearest] < floor:
                break
            if len(chain) == 1 or row[chain[-2]] < row[nearest]:
                chain.append(nearest)
                continue
            kept, gone = sorted(chain[-2:])
            del chain[-2:]
            total = weights[kept] + weights[gone]
            joined = cosines[kept] * (weights[kept] / total) + cosines[gone] * (weights[gone] / total)
            joined[[kept, gone]] = -np.inf
            cosines[gone] = cosines[:, gone] = -np.inf
            cosines[kept] = cosines[:, kept] = joined
            weights[kept], into[gone] = total, kept
            if not chain and into[start] == start:
                chain.append(start)
    for number in range(len(into)):
        into[number] = into[into[number]]
    return into
