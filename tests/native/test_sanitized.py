"""The kernels in a program of their own, under the address and the undefined-behaviour sanitizer."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.native import golden

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src" / "native"
COMPILER = shutil.which(os.environ.get("CXX", "g++"))
FLAGS = [
    "-std=c++20",
    "-O0",
    "-g1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fopenmp",
    "-w",
]
SETS = {
    "portable": (16, []),
    "avx2": (32, ["-mavx2", "-mfma"]),
    "avx512": (64, ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma"]),
}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None:
        pytest.skip("no C++ compiler (g++)")
    if not SOURCE.exists():
        pytest.skip("the sources of the kernels are not beside the tests")
    folder = tmp_path_factory.mktemp("sanitized")
    empty = folder / "empty.cpp"
    empty.write_text("int main() {}")
    if subprocess.run(
        [COMPILER, *FLAGS, str(empty), "-o", str(folder / "empty")], capture_output=True
    ).returncode:
        pytest.skip(f"{COMPILER} has no sanitizers here")
    x86 = platform.machine() in ("x86_64", "AMD64")
    define = ["-DELMAN_X86"] if x86 else []

    def build(job: tuple[str, list[str]]) -> str:
        name, more = job
        source = HERE / "driver.cpp" if name == "driver" else SOURCE / f"{more.pop()}.cpp"
        made = str(folder / f"{name}.o")
        subprocess.run([COMPILER, *FLAGS, *more, f"-I{SOURCE}", "-c", str(source), "-o", made], check=True)
        return made

    jobs = [
        (name, [f"-DELMAN_SET={name}", f"-DELMAN_BYTES={width}", *flags, "kernels"])
        for name, (width, flags) in SETS.items()
        if x86 or name == "portable"
    ]
    jobs += [("interface", [*define, "interface"]), ("schedule", [*define, "schedule"]), ("driver", define)]
    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(build, jobs))
    program = folder / "driver"
    # The order of CMakeLists.txt: of what several objects hold the first copy is kept.
    objects = objects[-3:] + objects[:-3]
    subprocess.run([COMPILER, *FLAGS, *objects, "-o", str(program)], check=True)
    return program


def test_golden_vectors_under_sanitizers(driver: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "golden.txt"
    golden.write(vectors)
    kept = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    done = subprocess.run([str(driver), str(vectors)], capture_output=True, text=True, env=kept, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.startswith(f"{len(golden.CELLS) * len(golden.SIZES)} cases")
