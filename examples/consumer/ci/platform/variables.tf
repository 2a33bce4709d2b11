# The platform owns what it owns: nothing to choose.
