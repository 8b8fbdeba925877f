"""What `netsuite-pipeline doctor` looks at: a module per group of checks, and what runs them.

Reading only. Nothing here prints; the table and the JSON are the command's.
"""
