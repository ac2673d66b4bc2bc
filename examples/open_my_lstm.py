import torch
from my_lstm import MyLSTM

import elman

x = torch.randn(400, 20, 1, generator=torch.Generator().manual_seed(1))
weights, asked = "my_lstm.pt", ("memory", "connectivity")
for finding in elman.inspect(MyLSTM, x, x[:, -6], state_dict=weights, questions=asked):
    print(finding.sentence)
    finding.save(f"{finding.question}.svg")
