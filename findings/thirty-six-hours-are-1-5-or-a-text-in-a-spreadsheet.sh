#!/usr/bin/env bash
# Thirty-six hours come out of a spreadsheet as 1.5, as a text or as noon of a day in 1900, by who wrote and who read.
#
# Seen with polars 2.1.0, pandas 3.1.1, xlsxwriter 3.3.1, openpyxl 3.1.5, pyexcelerate 0.13.0, python-calamine 0.9.1 and
# fastexcel 0.21.0 (2026-12-01, Linux x86-64, Python 3.11): a cell has no type for durations, only a number of days and
# a format. openpyxl writes both. polars and pandas write the number alone, 1.5 for 36 hours, which reads as one and a
# half hours and comes back as a float; pyexcelerate writes the text "1 day, 12:00:00". In cells that a person formatted
# as h:mm, 6 hours are a time, and all from 24 hours on a date: openpyxl and pandas mix time and datetime in one column,
# calamine makes exactly 24:00 a date, and polars takes the whole column for times of 1899 and 1900. With the format
# [h]:mm all of them read durations. Sheets of hours are what customers are billed from: write minutes as whole numbers,
# and refuse a sheet that has a time or date where hours belong.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 pandas==3.1.1 xlsxwriter==3.3.1 openpyxl==3.1.5 pyexcelerate==0.13.0 python-calamine==0.9.1 \
    fastexcel==0.21.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python -W ignore - <<'PYTHON'
from datetime import date, datetime, time, timedelta

import openpyxl
import pandas as pd
import polars as pl
import pyexcelerate
import xlsxwriter
from python_calamine import CalamineWorkbook

HOURS = [timedelta(hours=hours) for hours in (6, 24, 36)]


def by_polars(name):
    pl.DataFrame({"on": HOURS}).write_excel(name)


def by_pandas(name):
    pd.DataFrame({"on": HOURS}).to_excel(name, index=False)


def by_openpyxl(name):
    book = openpyxl.Workbook()
    for each in ("on", *HOURS):
        book.active.append([each])
    book.save(name)


def by_pyexcelerate(name):
    book = pyexcelerate.Workbook()
    book.new_sheet("one", data=[["on"], *([each] for each in HOURS)])
    book.save(name)


def by_hand(name, shape):
    """What a person does: numbers of days, and a format."""
    with xlsxwriter.Workbook(name) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "on")
        for row, each in enumerate(HOURS, 1):
            sheet.write_number(row, 0, each / timedelta(days=1), book.add_format({"num_format": shape}))


def openpyxl_reads(name):
    return [row[0] for row in openpyxl.load_workbook(name).active.iter_rows(min_row=2, values_only=True)]


def calamine_reads(name):
    return [row[0] for row in CalamineWorkbook.from_path(name).get_sheet_by_index(0).to_python()[1:]]


def pandas_reads(name):
    return pd.read_excel(name, engine="openpyxl").on.tolist()


def polars_reads(name):
    return pl.read_excel(name)["on"].to_list()


WRITTEN = {
    by_polars: [0.25, 1, 1.5],
    by_pandas: [0.25, 1, 1.5],
    by_openpyxl: HOURS,
    by_pyexcelerate: ["6:00:00", "1 day, 0:00:00", "1 day, 12:00:00"],
}
for write, expected in WRITTEN.items():
    write("hours.xlsx")
    found = openpyxl_reads("hours.xlsx")
    print(f"written {write.__name__}: {[str(each) for each in found]}")
    assert found == expected
SIX, NOON = time(6), datetime(1900, 1, 1, 12)
READ = {
    openpyxl_reads: [SIX, datetime(1900, 1, 1), NOON],
    pandas_reads: [SIX, datetime(1900, 1, 1), NOON],
    calamine_reads: [SIX, date(1900, 1, 1), NOON],
    polars_reads: [datetime(1899, 12, 31, 6), datetime(1900, 1, 1), NOON],
}
for read, expected in READ.items():
    by_hand("h.xlsx", "h:mm")
    by_hand("hours.xlsx", "[h]:mm")
    found, durations = read("h.xlsx"), read("hours.xlsx")
    print(f"h:mm, {read.__name__}: {[str(each) for each in found]}")
    assert found == expected and [type(each) for each in found] == [type(each) for each in expected]
    assert durations == HOURS
PYTHON
