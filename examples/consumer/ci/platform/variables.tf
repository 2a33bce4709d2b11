# This root takes no inputs.
