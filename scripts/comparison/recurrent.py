"""nn.RNN, nn.GRU, nn.LSTM and their cells as a loop over time, so that `torch.func.vmap` can take many at once.

PyTorch computes these layers in one call for which vmap has no rule. The formulas are those of its documentation; the
results agree with the original layers to rounding (tested).
"""
# ruff: noqa: N806

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

State = tuple[Tensor, ...]  # (h,), or (h, c) for an LSTM; each (N, hidden)


def open_up(net: nn.Module) -> None:
    """Let the recurrent layers of `net` compute step by step, in place; parameters and their names stay."""
    for layer in net.modules():
        if isinstance(layer, nn.RNNBase) and (layer.proj_size or (layer.dropout and layer.num_layers > 1)):
            continue  # dropout between the layers is drawn inside that call, where no mask can be given
        layer.__class__ = _OPENED.get(type(layer), type(layer))


def _rnn_step(layer: nn.Module, x: Tensor, h: Tensor, _: State) -> State:
    return (torch.relu(x + h) if layer.nonlinearity == "relu" else torch.tanh(x + h),)


def _gru_step(_: nn.Module, x: Tensor, h: Tensor, state: State) -> State:
    (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, -1), h.chunk(3, -1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (n + z * (state[0] - n),)


def _lstm_step(_: nn.Module, x: Tensor, h: Tensor, state: State) -> State:
    i, f, g, o = (x + h).chunk(4, -1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


Step = Callable[[nn.Module, Tensor, Tensor, State], State]


def _run(layer: nn.RNNBase, step: Step, inputs: Tensor, initial: State | None, parts: int) -> tuple[Tensor, State]:
    """All layers and directions over (N, T, features) or (T, N, features); like `nn.RNN.forward`."""
    if inputs.dim() != 3:
        raise NotImplementedError("a batch of sequences, (N, T, features) or (T, N, features), is needed")
    X = inputs.transpose(0, 1) if layer.batch_first else inputs  # (T, N, features)
    directions = 2 if layer.bidirectional else 1
    finals: list[State] = []
    for depth in range(layer.num_layers):
        outputs = []
        for direction in range(directions):
            name = f"l{depth}" + ("_reverse" if direction else "")
            bias = [getattr(layer, f"bias_{kind}_{name}") if layer.bias else None for kind in ("ih", "hh")]
            x = linear(X, getattr(layer, f"weight_ih_{name}"), bias[0])  # (T, N, gates × hidden), all times at once
            weight = getattr(layer, f"weight_hh_{name}")
            row = depth * directions + direction
            zero = X.new_zeros(X.shape[1], layer.hidden_size)
            state = tuple(part[row] for part in initial) if initial is not None else (zero,) * parts
            steps = x.unbind(0)
            states = []
            for x_t in reversed(steps) if direction else steps:
                state = step(layer, x_t, linear(state[0], weight, bias[1]), state)
                states.append(state[0])
            finals.append(state)
            outputs.append(torch.stack(states[::-1] if direction else states))
        X = torch.cat(outputs, -1) if directions == 2 else outputs[0]
    output = X.transpose(0, 1) if layer.batch_first else X
    return output, tuple(torch.stack(part) for part in zip(*finals, strict=True))


class _RNN(nn.RNN):
    def forward(self, input: Any, hx: Any = None) -> Any:
        output, (h,) = _run(self, _rnn_step, input, None if hx is None else (hx,), 1)
        return output, h


class _GRU(nn.GRU):
    def forward(self, input: Any, hx: Any = None) -> Any:
        output, (h,) = _run(self, _gru_step, input, None if hx is None else (hx,), 1)
        return output, h


class _LSTM(nn.LSTM):
    def forward(self, input: Any, hx: Any = None) -> Any:
        return _run(self, _lstm_step, input, hx, 2)


def _cell(layer: nn.RNNCellBase, step: Step, x: Tensor, state: State | None, parts: int) -> State:
    """One step on x (N, features)."""
    state = (x.new_zeros(len(x), layer.hidden_size),) * parts if state is None else state
    gates_x = linear(x, layer.weight_ih, layer.bias_ih)
    return step(layer, gates_x, linear(state[0], layer.weight_hh, layer.bias_hh), state)


class _RNNCell(nn.RNNCell):
    def forward(self, input: Any, hx: Any = None) -> Any:
        return _cell(self, _rnn_step, input, None if hx is None else (hx,), 1)[0]


class _GRUCell(nn.GRUCell):
    def forward(self, input: Any, hx: Any = None) -> Any:
        return _cell(self, _gru_step, input, None if hx is None else (hx,), 1)[0]


class _LSTMCell(nn.LSTMCell):
    def forward(self, input: Any, hx: Any = None) -> Any:
        return _cell(self, _lstm_step, input, hx, 2)


_OPENED: dict[type, type] = {
    nn.RNN: _RNN,
    nn.GRU: _GRU,
    nn.LSTM: _LSTM,
    nn.RNNCell: _RNNCell,
    nn.GRUCell: _GRUCell,
    nn.LSTMCell: _LSTMCell,
}
