"""A whole training run of a classifier in torch, by the same plan as `RustClassifier.fit`."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lesson_support.models.rust_mlp import Epoch


def fit_classifier(
    model: nn.Module,
    training: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    epochs: int = 50,
    batch: int = 128,
    rates: tuple[float, float] = (1e-3, 1e-5),
    patience: int = 10,
    min_delta: float = 1e-3,
    seed: int = 0,
) -> list[Epoch]:
    """Adam along a cosine from the first rate towards the last, stopped early after `patience` epochs in a
    row that lowered the least validation loss by no more than `min_delta`; what each epoch ended with."""
    x, y = training
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    generator = torch.Generator().manual_seed(seed)
    history, best, waited = [], math.inf, 0
    for epoch in range(epochs):
        lr = rates[1] + (rates[0] - rates[1]) * (1 + math.cos(math.pi * epoch / epochs)) / 2
        optimizer.param_groups[0]["lr"] = lr
        model.train()
        total = torch.zeros(())
        for part in torch.randperm(len(x), generator=generator).split(batch):
            optimizer.zero_grad()
            loss = cross_entropy(model(x[part]), y[part])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(part)
        loss, accuracy = held_out(model, *validation)
        history.append(Epoch(lr, float(total) / len(x), loss, accuracy))
        improved = loss < best - min_delta
        best, waited = (loss, 0) if improved else (best, waited + 1)
        if waited >= patience:
            break
    return history


def held_out(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """The mean loss and the accuracy in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        logits = model(x)
        return float(cross_entropy(logits, y)), float((logits.argmax(1) == y).float().mean())
