"""The month's report for eyes: a self-contained page and a workbook, both pure functions of the month's books."""
