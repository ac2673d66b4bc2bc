"""One file per page: what its template shows, which is its JSON twin, too, and what can be asked of it."""
