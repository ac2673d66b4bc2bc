"""Results to tables, charts and one self-contained HTML page."""
