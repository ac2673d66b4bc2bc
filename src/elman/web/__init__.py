"""The page: a small server on this machine that shows a network; it computes nothing itself."""
