"""The declarations themselves, column by column. What they are written in is in `record_types.model`.

`entities`: customer, vendor, employee. `items`: the nine types of items. `organisation`: subsidiary, location,
price_level. `projects`: project, charge, charge_type. `transactions`: opportunity, sales_order, invoice,
item_fulfillment. `lines`: transaction_line.
"""
