"""TENANTS: several companies in one deployment, each with its account, its database and processes of its own.

What the file says is in `file`, how a process becomes a tenant's in `activation`. Nothing else knows that there are
others; names that would meet in one Dagster instance get the tenant's in front, in `orchestration.names`.
"""
