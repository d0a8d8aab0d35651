#!/usr/bin/env bash
# zarr reads a file that is missing as 0.0 °C, and so does h5py what nobody has written; netCDF4 says that it is
# missing.
#
# Seen with zarr 3.1.6, h5py 3.16.0, netCDF4 1.7.5.1.post1 and numpy 2.4.6 (2026-12-01, Linux x86-64, Python 3.11): Zarr
# keeps each chunk of an array in a file or object of its own, and leaves out those that hold the fill value alone,
# which is 0 unless one is named. So a copy that broke off, a lifecycle rule or a lost upload is not an error but zeros:
# of three hours of readings the second is 0.0 degrees, with the right number of readings, and mean, minimum and the
# hours below a limit are wrong. An hour that was really at 0.0 has no file either, so that nobody can tell the two
# apart afterwards. HDF5 has 0 as well for what was laid out and not written. Create with fill_value=float("nan"), and
# with config={"write_empty_chunks": True} where a lost file is to be found.
#
# Fails when zarr stops at the missing file, or the default is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    zarr==3.1.6 h5py==3.16.0 netCDF4==1.7.5.1.post1 numpy==2.4.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import zarr

HOURS = np.array([4.2, 4.3, 4.4, 4.3, 4.2, 4.1])


def copied_in_part(name, readings, **options):
    """An array of three chunks, less the second file, and how many there were."""
    array = zarr.create_array(name, shape=6, chunks=2, dtype="f8", **options)
    array[:] = readings
    files = sorted(path for path in Path(name, "c").rglob("*") if path.is_file())
    if len(files) == 3:
        files[1].unlink()
    return zarr.open_array(name, mode="r")[:].tolist(), len(files)


found = {
    "default": copied_in_part("default", HOURS),
    "an hour at 0.0": copied_in_part("zeros", np.where(HOURS > 4.25, 0.0, HOURS)[[0, 4, 1, 2, 5, 5]]),
    "an hour at 0.0, written": copied_in_part(
        "written", np.where(HOURS > 4.25, 0.0, HOURS)[[0, 4, 1, 2, 5, 5]], config={"write_empty_chunks": True}
    ),
    "nan": copied_in_part("nan", HOURS, fill_value=float("nan")),
}
for how, (readings, files) in found.items():
    print(f"{how}: {readings} of {files} files")
assert found["default"] == ([4.2, 4.3, 0.0, 0.0, 4.2, 4.1], 3)
assert found["an hour at 0.0"] == ([4.2, 4.2, 0.0, 0.0, 4.1, 4.1], 2)
assert found["an hour at 0.0, written"] == ([4.2, 4.2, 0.0, 0.0, 4.1, 4.1], 3)
assert np.isnan(found["nan"][0]).tolist() == [False, False, True, True, False, False]
with h5py.File("readings.h5", "w") as file:
    laid_out = file.create_dataset("t", (6,), "f8")
    laid_out[:2] = HOURS[:2]
    print(f"h5py: {laid_out[:].tolist()}")
    assert laid_out[:].tolist() == [4.2, 4.3, 0.0, 0.0, 0.0, 0.0]
with netCDF4.Dataset("readings.nc", "w") as file:
    file.createDimension("n", 6)
    variable = file.createVariable("t", "f8", ("n",))
    variable[:2] = HOURS[:2]
    print(f"netCDF4: {variable[:]}")
    assert variable[:].count() == 2
PYTHON
