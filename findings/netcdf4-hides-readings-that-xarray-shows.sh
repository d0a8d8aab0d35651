#!/usr/bin/env bash
# netCDF4 shows two of five readings of a file and xarray all five, by limits and a fill value that xarray does not
# know.
#
# Seen with netCDF4 1.7.5.1.post1 and xarray 2026.9.0 (2026-12-01, Linux x86-64, Python 3.11): a logger packs
# temperatures into tenths and states valid_min and valid_max, as the conventions of netCDF have it. netCDF4 masks what
# lies outside, and masks -32767 too, which is the default fill value of such numbers although the file names none;
# xarray knows neither and returns -3276.7 and 90.0 as temperatures. count() is 2 in one and 5 in the other. So one
# customer is billed by two numbers of readings, and a mean is -645.9 instead of 3.6 degrees. Name _FillValue in every
# variable, and compare with valid_min and valid_max yourself behind xarray.
#
# Fails when both agree.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    xarray==2026.9.0 netCDF4==1.7.5.1.post1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import netCDF4
import numpy as np
import xarray

TENTHS = [-32767, 42, -500, 900, 30]
with netCDF4.Dataset("logger.nc", "w") as file:
    file.createDimension("n", len(TENTHS))
    variable = file.createVariable("t", "i2", ("n",))
    variable.set_auto_maskandscale(False)
    variable.setncatts({"scale_factor": 0.1, "valid_min": np.int16(-400), "valid_max": np.int16(850)})
    variable[:] = TENTHS
with netCDF4.Dataset("logger.nc") as file:
    by_netcdf4, attributes = file["t"][:], file["t"].ncattrs()
with xarray.open_dataset("logger.nc") as dataset:
    by_xarray = dataset.t.load()
print(f"attributes {attributes}\nnetCDF4: {by_netcdf4}, {by_netcdf4.count()} readings, mean {by_netcdf4.mean():.1f}")
print(f"xarray: {by_xarray.values}, {int(by_xarray.count())} readings, mean {float(by_xarray.mean()):.1f}")
assert "_FillValue" not in attributes
assert np.allclose(by_netcdf4.compressed(), [4.2, 3.0]) and by_netcdf4.mask.tolist() == [1, 0, 1, 1, 0]
assert np.allclose(by_xarray.values, [-3276.7, 4.2, -50.0, 90.0, 3.0]) and int(by_xarray.count()) == 5
PYTHON
