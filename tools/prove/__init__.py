"""`make prove`: what only an AWS account can show, shown in yours, and cleaned up. docs/proof.md says what it does."""
