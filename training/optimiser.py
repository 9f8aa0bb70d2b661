"""Muon for convolutions."""

from __future__ import annotations

from typing import Any

import keras


class ConvolutionMuon(keras.optimizers.Muon):
    """Keras' Muon, which takes a convolution's kernel as the matrix that it is.

    Keras leaves kernels of four dimensions to AdamW. Here those of full
    convolutions are flattened to ``(height * width * inputs, outputs)``, as in
    Jordan's own implementation (github.com/KellerJordan/Muon).
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        if len(variable.shape) == 4 and variable.shape[-1] > 1 and variable.shape[-2] > 3:
            return False
        return bool(super()._should_use_adamw(variable))

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, keras.ops.add(gradient, m * (self.momentum - 1)))
        step = keras.ops.add(gradient, self.momentum * m) if self.nesterov else m
        matrix = keras.ops.reshape(step, (-1, variable.shape[-1]))
        # In bfloat16, as Jordan has it: what is wanted is a direction, and it is a tenth of the step's time.
        turned = self.zeropower_via_newtonschulz5(keras.ops.cast(matrix, "bfloat16"), self.ns_steps)
        update = self.lr_adjust(lr * keras.ops.cast(turned, variable.dtype))
        self.assign_sub(variable, keras.ops.reshape(update, variable.shape))
