"""A model of one's own, in plain PyTorch: an nn.LSTM learns to say the value that it read five steps before the last. Writes my_lstm.pt."""

import torch
from torch import nn


class MyLSTM(nn.Module):
    """Sequences (batch, time, 1) in, one number (batch, 1) out."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(1, 32, batch_first=True), nn.Linear(32, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


if __name__ == "__main__":
    torch.manual_seed(0)
    model = MyLSTM()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(600):
        x = torch.randn(64, 20, 1)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), x[:, -6])
        loss.backward()
        optimizer.step()
    print(f"mean squared error {loss.item():.3f}")
    torch.save(model.state_dict(), "my_lstm.pt")
