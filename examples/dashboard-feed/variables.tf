# The example takes no inputs.
