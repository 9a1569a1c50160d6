"""A small coverage-guided fuzzer: mutations, edges of our own modules, targets. No pytest here."""
