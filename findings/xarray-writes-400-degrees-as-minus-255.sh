#!/usr/bin/env bash
# xarray writes 400 °C as -255.36 °C without a word, where the file that the readings came from was packed.
#
# Seen with xarray 2026.9.0 and netCDF4 1.7.5.1.post1 (2026-12-01, Linux x86-64, Python 3.11): loggers pack temperatures
# into whole numbers of 16 bits with scale_factor 0.01, which reach from -327.68 to 327.67. xarray unpacks them to
# doubles and remembers the packing in .encoding, which nothing prints; a corrected reading, and all that concat()
# appends behind the first file, is packed the same way again by to_netcdf(). What does not fit wraps round: 40000
# hundredths become -25536. A correction of a few thousandths is rounded away. Arithmetic drops the packing, so that the
# same value comes out right behind "* 1"; so does drop_encoding(), which is the cure before every to_netcdf(). netCDF4
# itself, told to store 400 in such a variable, wraps alike. Furnaces and cold stores are billed by such files.
#
# Fails when the value comes back, or when one of them warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    xarray==2026.9.0 netCDF4==1.7.5.1.post1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python -W error::UserWarning -W error::RuntimeWarning - <<'PYTHON'
import netCDF4
import numpy as np
import xarray

PACKED = {"t": {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -32768}}
first = xarray.Dataset({"t": ("n", [4.2, 4.3, -18.5])})
first.to_netcdf("packed.nc", encoding=PACKED)


def written(dataset):
    """The temperatures after a way through a file."""
    dataset.to_netcdf("again.nc")
    with xarray.open_dataset("again.nc") as again:
        return [round(float(each), 3) for each in again.load().t]


def packed():
    """The file as xarray reads it."""
    with xarray.open_dataset("packed.nc") as dataset:
        return dataset.load()


corrected = packed()
assert corrected.t.dtype == np.float64 and "int16" not in str(corrected)
corrected["t"][0], corrected["t"][1] = 400.0, 4.304
found = {
    "corrected": written(corrected),
    "appended": written(xarray.concat([packed(), xarray.Dataset({"t": ("n", [400.0])})], "n")),
    "times 1": written(corrected * 1),
    "drop_encoding": written(corrected.drop_encoding()),
}
for how, temperatures in found.items():
    print(f"{how}: {temperatures}")
assert found["corrected"] == [-255.36, 4.3, -18.5] and found["appended"] == [4.2, 4.3, -18.5, -255.36]
assert found["times 1"] == found["drop_encoding"] == [400.0, 4.304, -18.5]
with netCDF4.Dataset("packed.nc", "a") as file:
    file["t"][0] = 400.0
    print(f"netCDF4: {file['t'][0]:.2f}")
    assert abs(file["t"][0] + 255.36) < 0.005
PYTHON
