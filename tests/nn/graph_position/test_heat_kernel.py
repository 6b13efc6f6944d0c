"""Heat kernels against the exponential of the matrix."""

import numpy as np
import scipy.linalg

from lit_pretrain.nn.graph_position.heat_kernel import HeatKernel


def test_equals_the_matrix_exponential(graphs, laplacian):
    times = (0.3, 1.0, 5.0, 20.0)

    def formula(a):
        return np.stack([scipy.linalg.expm(-t * laplacian(a)).diagonal() for t in times], 1)

    graphs.expect(HeatKernel(times)(graphs.batch), formula)
