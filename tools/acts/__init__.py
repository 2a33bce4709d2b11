"""What happens to a deployment, written once: clients end in every way, events are lost, services fail, the sweep looks.

An act takes a Trial, does something to its deployment and says which of the claims held. `make demo` and `make prove` are lists of acts;
the lifecycle tests take single ones. To add an act, write a function of a Trial, give what it shows a claim in claims.py, and put it into
the list in tools/demo.py or tools/prove/experiment.py.
"""
