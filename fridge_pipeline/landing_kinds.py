"""What can be wrong with landing files and folders; ``reason_codes`` has these beside the other kinds of exceptions."""

from __future__ import annotations

from typing import Final

from fridge_pipeline.reason_terms import OF_FILES, ExceptionKind, How, Subject

LANDING_KINDS: Final[dict[str, ExceptionKind]] = {
    "unreadable_file": ExceptionKind(
        "landing files that cannot be read, or only up to a damage",
        "have the gateway deliver the file again under the same name, or fridge settle",
        Subject.FILE,
        ends=OF_FILES,
    ),
    "load_failed": ExceptionKind(
        "landing folders that cannot be listed, or of which nothing is loaded because other files lie there",
        "make the folder readable, or see landing_replaced; it is tried again by itself",
        Subject.FOLDER,
    ),
    "unexpected_hour": ExceptionKind(
        "landing folders before the first hour of the grid",
        "set FRIDGE_PARTITIONS_START earlier, or bill the hour: fridge bill --from KEY --to KEY",
        Subject.FOLDER,
    ),
    "rows_rejected": ExceptionKind(
        "landing files of which many rows, or most rows of a tenant, are rejected and not counted",
        "have the gateway's time, unit or format corrected and the file delivered again under the same name",
        Subject.FILE,
        ends=OF_FILES,
    ),
    "sensors_unregistered": ExceptionKind(
        "landing files with rows of sensors that the sensor register does not know at their time; they wait",
        "register the sensors from their first reading on: fridge sensors import FILE.csv; the files are read again",
        Subject.FILE,
        ends=OF_FILES,
    ),
    "columns_changed": ExceptionKind(
        "landing files with columns or types that their source's files did not have before, or whose source takes "
        "something else for tenant, sensor or time than before; they are loaded",
        "look whether the source still reads what it is to read, then fridge settle --how no_loss",
        Subject.FILE,
        ends=(How.NO_LOSS,),
    ),
    "columns_refused": ExceptionKind(
        "landing files with columns or types that their source refuses; they wait",
        "accept them, fridge sources accept SOURCE, or change the source; the files are read again",
        Subject.FILE,
        ends=OF_FILES,
    ),
    "future_hour": ExceptionKind(
        "landing folders of hours that have not begun", "move the files into the hour they arrived in", Subject.FOLDER
    ),
    "stray_files": ExceptionKind(
        "files in no landing hour, which nobody loads", "move them into <YYYY-MM-DD>/<HH>/, in UTC", Subject.FOLDER
    ),
    "landing_replaced": ExceptionKind(
        "a landing zone with other files in place of those that were loaded: it may be another one, and nothing new of "
        "them is loaded",
        "correct FRIDGE_LANDING_URI or the mount, or put the files back; where it is meant, fridge settle",
        Subject.FOLDER,
        ends=(How.NO_LOSS,),
    ),
    "landing_vanished": ExceptionKind(
        "a landing zone in which none of the files of the last days is left, so that no delivery is seen",
        "mount or restore it, or correct FRIDGE_LANDING_URI; fridge doctor shows it",
        Subject.FOLDER,
        ends=(How.NO_LOSS,),
    ),
}
