"""What the student is asked for: the teacher's embeddings, and the distances between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf


def distillation(student: tf.Tensor, teacher: tf.Tensor, relations: float) -> tuple[tf.Tensor, tf.Tensor]:
    """The loss of a batch, and how much of the teacher's embedding the student has.

    One minus the cosine of each pair, as in a plain regression of unit vectors,
    and the mean squared difference of the two matrices of cosines between all
    faces of the batch (Park et al., "Relational Knowledge Distillation", 2019,
    with cosines in the place of distances): what an application uses is not an
    embedding but how it lies to others.

    Args:
        student: Shape ``(n, d)``, unit norm.
        teacher: The same.
        relations: Weight of the second part.

    Returns:
        The loss, and the mean cosine; scalars.
    """
    import tensorflow as tf

    cosine = tf.reduce_mean(tf.reduce_sum(student * teacher, -1))
    between = tf.matmul(student, student, transpose_b=True) - tf.matmul(teacher, teacher, transpose_b=True)
    return 1.0 - cosine + relations * tf.reduce_mean(tf.square(between)), cosine
