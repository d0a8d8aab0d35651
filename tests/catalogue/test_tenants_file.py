"""The tenants file as spreadsheets, editors and people make it: read, or refused by line."""

from __future__ import annotations

import re

import pytest

from fridge_pipeline.catalogue.table_file import TableRefusedError
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenants_file import read_tenants

HEADER = "tenant_id,name,stripe_customer_id\n"
NORTH, SOUTH = Tenant("north", "North, Ltd", "cus_N1"), Tenant("south", None, None)


def bare(tenants: list[Tenant]) -> list[Tenant]:
    """Without their lines."""
    return [Tenant(each.tenant_id, each.name, each.stripe_customer_id) for each in tenants]


@pytest.mark.parametrize(
    "content",
    [
        f'{HEADER}north,"North, Ltd",cus_N1\nsouth,,\n'.encode(),
        f'{HEADER}north,"North, Ltd",cus_N1\nsouth,,'.encode(),
        f'\ufeff{HEADER}north,"North, Ltd",cus_N1\nsouth,,\n'.replace("\n", "\r\n").encode(),
        f'{HEADER}north,"North, Ltd",cus_N1\nsouth,,\n'.replace("\n", "\r").encode(),
        f'{HEADER}north,"North, Ltd",cus_N1\nsouth,,\n'.encode("utf-16"),
        b"sep=;\ntenant_id;name;stripe_customer_id\nnorth;North, Ltd;cus_N1\nsouth;;\n",
        b"tenant_id\tname\tstripe_customer_id\nnorth\tNorth, Ltd\tcus_N1\nsouth\t\t\n",
        b"tenant_id|name|stripe_customer_id\nnorth|North, Ltd|cus_N1\nsouth||\n",
        f'# who pays\n\n{HEADER}  # north, "the old\n north ,"North, Ltd" , \n'.replace(
            '"North, Ltd" , ', '  "North, Ltd",\u00a0cus_N1 '
        ).encode()
        + b'"# south, west",,\n  \n,,\nsouth, , \n,,,\n\n',
        b'tenant_id,name,stripe_customer_id,,\nnorth,"North, Ltd",cus_N1,,\nsouth,,,,\n',
        f'{HEADER}north,"North, Ltd",cus_N1,,,\nsouth,,,\n'.encode(),
        b'Stripe_Customer_ID,note,Tenant_ID,name\ncus_N1,"a ""note""",north,"North, Ltd"\n,,south,\n',
    ],
    ids=[
        "plain",
        "no end",
        "BOM and CRLF",
        "CR",
        "UTF-16",
        "semicolons",
        "tabs",
        "bars",
        "comments and blanks",
        "empty columns",
        "empty cells behind",
        "other order",
    ],
)
def test_files_of_spreadsheets_and_editors_mean_what_a_person_sees_in_them(content: bytes) -> None:
    assert bare(read_tenants(content)) == [NORTH, SOUTH]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("north,North\n", "line 2: has 2 of the header's 3 cells; is it cut off?"),
        ("north\n", "line 2: has 1 of the header's 3 cells"),
        ("north,North,Ltd,cus_N1\n", "line 2: has 4 of the header's 3 cells; a cell with a delimiter (,) in it"),
        ("north;North;cus_N1\n", "line 2: has 1 of the header's 3 cells"),
        ('a,A,cus_1\nnorth,"North,cus_N1\nsouth,,\n', "line 3: a quotation mark does not end where its cell ends"),
        ('north,"North" Ltd,cus_N1\n', "line 2: a quotation mark does not end"),
        ('north,"North\nLtd",cus_N1\n', "line 2: a quotation mark does not end"),
        (" ,Nobody,cus_N1\n", "line 2: has no tenant_id"),
        ("north,a,cus_1\n\nnorth,b,cus_2\n", "line 4: the tenant 'north' stands in line 2 already"),
        ("a,A,cus_1\n# b\n b ,B, cus_1\n", "line 4: the Stripe customer 'cus_1' stands in line 2 already"),
        ("cold\u200bone,a,cus_1\n", "line 2: tenant_id 'cold\\u200bone' holds the invisible character U+200B"),
        ("one\ufeff,a,cus_1\n", "line 2: tenant_id 'one\\ufeff' holds the invisible character U+FEFF"),
        ("one,a,cus_1\u2060\n", "line 2: stripe_customer_id 'cus_1\\u2060' holds the invisible character U+2060"),
        ("one,a\x00b,cus_1\n", "line 2: name 'a\\x00b' holds the invisible character U+0000"),
        (f"{'x' * 501},a,cus_1\n", "has 501 characters, and 500 is the most"),
        (HEADER, "line 2: 'stripe_customer_id' is not a Stripe customer id"),
    ],
)
def test_a_row_that_may_mean_something_else_is_refused_by_its_line(rows: str, told: str) -> None:
    with pytest.raises(TableRefusedError, match=re.escape(told)) as refused:
        read_tenants((HEADER + rows).encode())
    assert "Nothing was imported." in str(refused.value)


@pytest.mark.parametrize(
    "customer",
    [
        *("foo", "cus_", "cus_A;cus_B", "cus_A/../x", "cus_A?x=1", "cus_a_b", "CUS_A", "cus_\u00e9", "cus_\uff11"),
        *("cus-A", "cus_A.B", "none", "-", "sub_1", "cus_A", "cus_B7"),
    ],
)
def test_a_customer_id_is_cus_and_letters_or_digits(customer: str) -> None:
    row = f"north,North,{customer}\n"
    if customer in {"cus_A", "cus_B7"}:
        assert read_tenants((HEADER + row).encode())[0].stripe_customer_id == customer
    else:
        with pytest.raises(TableRefusedError, match=f"line 2: {re.escape(repr(customer))} is not a Stripe customer id"):
            read_tenants((HEADER + row).encode())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it has no line with the columns tenant_id, name, stripe_customer_id"),
        (b"# only\n\n", "it has no line with the columns"),
        (b"tenant_id,name\na,A\n", "line 1: lacks stripe_customer_id; found tenant_id, name"),
        (b"tenant_id,name,name,stripe_customer_id\n", "line 1: the column name is there twice"),
        ((HEADER + "north,N\u00f6rd,cus_1\n").encode("cp1252"), "line 2: not text in UTF-8; save the file as CSV"),
        (b"PK\x03\x04\x14\x00\xff\xfe", "line 1: not text in UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused_in_our_words(content: bytes, told: str) -> None:
    with pytest.raises(TableRefusedError, match=re.escape(told)):
        read_tenants(content)


def test_all_lines_that_are_wrong_are_told_at_once_and_ten_of_many() -> None:
    with pytest.raises(TableRefusedError) as refused:
        read_tenants((HEADER + "a\nb,B,cus_1\nc,C,no\n").encode())
    assert re.findall(r"line (\d+)", str(refused.value)) == ["2", "4"]
    with pytest.raises(TableRefusedError, match="and 20 more lines") as refused:
        read_tenants((HEADER + "a\n" * 30).encode())
    assert str(refused.value).count("cut off") == 10
