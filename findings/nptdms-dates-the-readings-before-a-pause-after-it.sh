#!/usr/bin/env bash
# npTDMS dates the readings from before a pause after it: the beginning of the last segment is taken for all.
#
# Seen with npTDMS 1.13.0 and pandas 3.1.1 (2026-12-01, Linux x86-64, Python 3.11): a TDMS file of a logger is a row of
# segments, each with readings and with properties that changed, among them wf_start_time. A logger that was off from
# 08:03 to 12:00 writes a second segment with another beginning. A property is kept once for a channel, the last one
# wins, and time_track() and as_dataframe(time_index=True) count on from it as if there was no pause: the reading of
# 08:00 is dated 12:00, and the first of the afternoon 12:03, on another day or in another month alike. Nothing warns.
# Readings are counted by their time, so a month is billed for the next. Keep one file for each run of the logger, or a
# channel of times beside the values.
#
# Fails when the times are those of the segments.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check npTDMS==1.13.0 pandas==3.1.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import numpy as np
from nptdms import ChannelObject, TdmsFile, TdmsWriter


def segment(start, values):
    """One run of the logger, a reading a minute."""
    beginning = {"wf_start_time": np.datetime64(start), "wf_increment": 60.0, "wf_start_offset": 0.0}
    return [ChannelObject("fridge", "t", np.array(values), properties=beginning)]


with TdmsWriter("one.tdms") as file:
    file.write_segment(segment("2026-06-30T08:00:00", [4.1, 4.2, 4.3]))
    file.write_segment(segment("2026-07-01T12:00:00", [5.1, 5.2]))
channel = TdmsFile.read("one.tdms")["fridge"]["t"]
frame = TdmsFile.read("one.tdms").as_dataframe(time_index=True, absolute_time=True)
times = [str(each)[:16] for each in channel.time_track(absolute_time=True)]
for time, value in zip(times, channel[:], strict=True):
    print(time, value)
assert times == [f"2026-07-01T12:0{minute}" for minute in range(5)]
assert [each.strftime("%Y-%m-%dT%H:%M") for each in frame.index] == times
assert channel[:].tolist() == [4.1, 4.2, 4.3, 5.1, 5.2]
with TdmsWriter("times.tdms") as file:
    for each in ("2026-06-30T08:00", "2026-07-01T12:00"):
        file.write_segment([ChannelObject("fridge", "time", np.array([np.datetime64(each, "us")]))])
kept = [str(each)[:16] for each in TdmsFile.read("times.tdms")["fridge"]["time"][:]]
print(f"a channel of times: {kept}")
assert kept == ["2026-06-30T08:00", "2026-07-01T12:00"]
PYTHON
