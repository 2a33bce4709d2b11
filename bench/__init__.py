"""Speed and cost, measured: `python -m bench --help`."""
