"""Cells that torch.nn lacks, each in the corner where torch has the same thing: a second opinion beside the transcriptions.

float32: the cell's own error against float64 on this input is some 3e-7; ten times that.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from elman.models.rnn import RNN

SIZES = (3, 5)


def rnn_of(weight_ih, weight_hh, bias, kind, **options):
    """A torch layer with these weights; its second bias is 0."""
    layer = kind(*SIZES, batch_first=True, **options).to(bias.dtype)
    with torch.no_grad():
        for name, value in zip(
            ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (weight_ih, weight_hh, bias, 0)
        ):
            getattr(layer, f"{name}_l0").copy_(torch.as_tensor(value))
    return lambda x: layer(x)[0]


def peepholes_shut(cell):
    cell.peephole.zero_()
    return rnn_of(cell.ih.weight, cell.hh.weight, cell.ih.bias, nn.LSTM)


def each_unit_for_itself(weight):
    """Makes a square weight diagonal: then a reset before and after the product is the same."""
    weight.copy_(torch.diag(weight.diagonal()))


def reset_of_a_diagonal_product(cell):
    each_unit_for_itself(cell.hn.weight)
    return rnn_of(cell.ih.weight, torch.cat([cell.hh.weight, cell.hn.weight]), cell.ih.bias, nn.GRU)


def one_gate_for_both(cell):
    """r = f and z = 1 - f, whose sigmoid has the opposite sign."""
    each_unit_for_itself(cell.hn.weight)
    ih_f, ih_n = cell.ih.weight.chunk(2)
    b_f, b_n = cell.ih.bias.chunk(2)
    hh_f, hh_n = cell.hh.weight, cell.hn.weight
    return rnn_of(torch.cat([ih_f, -ih_f, ih_n]), torch.cat([hh_f, -hh_f, hh_n]), torch.cat([b_f, -b_f, b_n]), nn.GRU)  # fmt: skip


def diagonal_recurrence(cell):
    return rnn_of(cell.ih.weight, torch.diag(cell.recurrent), cell.ih.bias, nn.RNN, nonlinearity="relu")


def all_leaks_out(cell):
    cell.leak.fill_(100.0)  # a sigmoid of exactly 1
    return rnn_of(cell.ih.weight, cell.hh.weight, cell.ih.bias, nn.RNN)


def sum_over_the_past(cell):
    """minLSTM: h_t is a sum over k of i_k n_k times the product of f from k + 1 to t."""

    def run(x):
        i, f, n = (x @ cell.ih.weight.T + cell.ih.bias).chunk(3, -1)
        f, i = torch.softmax(torch.stack([f.sigmoid().log(), i.sigmoid().log()]), 0)
        terms = [
            [f[:, k + 1 : t + 1].prod(1) * i[:, k] * n[:, k] for k in range(t + 1)] for t in range(x.shape[1])
        ]
        return torch.stack([torch.stack(past).sum(0) for past in terms], 1)

    return run


def powers_of_the_eigenvalues(cell):
    """LRU: y_t = Re(C sum over k of lambda^(t - k) gamma B x_k) + D x_t, in complex numbers."""

    def run(x):
        eigenvalue = torch.polar(torch.exp(-torch.exp(cell.nu_log)), torch.exp(cell.theta_log))
        b, c = (torch.complex(*part) for part in (cell.ih.weight.chunk(2), cell.out.weight.chunk(2, 1)))
        drive = torch.exp(cell.gamma_log) * (x.to(b.dtype) @ b.T)
        power = torch.arange(x.shape[1])[:, None] - torch.arange(x.shape[1])
        kernel = torch.where(power[..., None] >= 0, eigenvalue ** power.clamp(min=0)[..., None], 0)
        return (torch.einsum("tkn,bkn->btn", kernel, drive) @ c.conj().T).real + x @ cell.skip.weight.T

    return run


CORNERS = {
    "lstm_peephole": peepholes_shut,
    "gru_before": reset_of_a_diagonal_product,
    "mgu": one_gate_for_both,
    "indrnn": diagonal_recurrence,
    "leaky_rnn": all_leaks_out,
    "minlstm": sum_over_the_past,
    "lru": powers_of_the_eigenvalues,
}


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_torch_in_value_and_gradient(name, dtype):
    torch.manual_seed(0)
    network = RNN(name, *SIZES).to(dtype)
    with torch.no_grad():
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.4)
        theirs = CORNERS[name](network.layers[0][0])
    x = torch.randn(4, 9, 3, dtype=dtype)
    found = []
    for run in (lambda value: network(value)[0], theirs):
        value = x.clone().requires_grad_(True)
        output = run(value)
        output.square().sum().backward()
        found.append((output, value.grad))
    tolerance = 1e-12 if dtype == torch.float64 else 3e-6
    for mine, other in zip(*found):
        scale = max(1.0, float(other.detach().abs().max()))
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance * scale)
