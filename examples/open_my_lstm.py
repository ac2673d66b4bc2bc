import torch
from my_lstm import MyLSTM

import elman

x = torch.randn(400, 20, 1, generator=torch.Generator().manual_seed(1))
opened = {"targets": x[:, -6], "state_dict": "my_lstm.pt", "questions": ["memory", "connectivity"]}
for finding in elman.inspect(MyLSTM, x, **opened):
    print(finding.sentence)
    finding.save(f"{finding.question}.svg")
