# The compiler and runtime of VRL, Vector's language, as a Python extension: tests run the programs of log routes on it. Vector itself
# is in no package registry. Licence: MIT, with VRL under MPL-2.0.
if ! python3 -m pip --version >/dev/null 2>&1; then
	[[ $(id -u) == 0 ]] || { echo "Install python3 and python3-pip first." >&2; exit 1; }
	apt-get update -q
	apt-get install -y -q --no-install-recommends python3 python3-pip
fi
python3 -m pip download --no-deps --only-binary=:all: --python-version 3.8 --abi abi3 --implementation cp \
	--platform manylinux_2_17_x86_64 -d . vrl-python==0.1.0
python3 -m zipfile -e ./*.whl lib
rm -f ./*.whl
PYTHONPATH=lib python3 -c 'import vrl_python'
