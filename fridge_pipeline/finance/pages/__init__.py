"""The month's report: a self-contained page and a workbook, both pure functions of the month's books."""
