"""Reads workbooks with openpyxl, a reader that is not ours, and prints of each its two sheets as JSON: a list of rows
each, a row an object of texts by the header's names, empty cells as null. Fails when a cell is a formula."""
import datetime
import json
import sys

import openpyxl
from openpyxl.utils.escape import unescape


def hours(minutes):
    return "%d:%02d" % divmod(minutes, 60)


def text(cell):
    value = cell.value
    if cell.data_type == "f":
        sys.exit("%s is a formula" % cell.coordinate)
    if value is None:
        return None
    if cell.number_format == "[h]:mm":
        if isinstance(value, datetime.timedelta):
            return hours(round(value.total_seconds() / 60))
        if isinstance(value, datetime.time):
            return hours(value.hour * 60 + value.minute)
        if isinstance(value, datetime.datetime):
            return hours(round((value - datetime.datetime(1899, 12, 30)).total_seconds() / 60))
        return hours(round(value * 24 * 60))
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.strftime("%Y-%m-%d")
    return unescape(str(value))  # _x005F_ is how a workbook says _ before what would be a character's code


def sheet(rows):
    rows = list(rows)
    names = [cell.value for cell in rows[0]]
    return [{name: text(cell) for name, cell in zip(names, row)} for row in rows[1:]]


def sheets(path):
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Records", "Totals"], book.sheetnames
    return [sheet(book[name].iter_rows()) for name in book.sheetnames]


json.dump([sheets(path) for path in sys.argv[1:]], sys.stdout)
