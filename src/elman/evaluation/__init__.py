"""Metrics, rivals, intervals and verdicts. Knows nothing of training: any model's predictions will do."""
