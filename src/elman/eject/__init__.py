"""A run as plain PyTorch: one script and one notebook that do not know Elman; `elman.eject(run)` writes them."""

from elman.core.verb import callable_room

VERB = "elman.eject.write:eject"
callable_room(__name__)
