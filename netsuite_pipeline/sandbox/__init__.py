"""A NetSuite stand-in over HTTP for demos, tests and benchmarks; it knows nothing of our client.

`server.SandboxServer` serves it from a test, `command` from the command line. It follows Oracle's help pages
and observed accounts; where NetSuite's behaviour is not documented, the choice is a setting or named beside
it.
"""
