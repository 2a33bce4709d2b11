"""What happens to a deployment: clients end in every way, events are lost, services fail, the sweep runs.

An act takes a Trial, does something to its deployment, and says which claims held. `make demo` and `make prove` are lists of acts, and the
lifecycle tests use single ones. To add an act, write a function of a Trial, add its claim to claims.py, and add it to the list in
tools/demo.py or tools/prove/proof.py.
"""
