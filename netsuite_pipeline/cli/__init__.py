"""The `netsuite-pipeline` command. Thin: it reads arguments, calls the core, and is the only place that prints."""
