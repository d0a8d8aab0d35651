"""What invoices are made of: prices, subscriptions, lines, invoices, credit notes and test clocks, and what they cost.

Pure: nothing here knows a clock or the books of meter events. Money is whole minor units (``int``); prices and
quantities are ``Decimal``; a float is nowhere.
"""
