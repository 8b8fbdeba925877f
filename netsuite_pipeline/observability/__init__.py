"""OBSERVABILITY: what the figures of imports say, in words and for machines. Nothing here writes or imports."""
