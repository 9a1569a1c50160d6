"""What an account's standing means and what to do, in both languages. Pure.

``en`` and ``zh`` have the same keys; :mod:`gateway.host.advice` says which key it is. Of each: what
it means, in a sentence, and what to do; empty: nothing.
"""
