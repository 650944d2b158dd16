# Only for make test-full.
# Schemathesis from PyPI: it makes requests from the OpenAPI document of the dashboard. It needs Python 3.10 or later.
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target packages schemathesis==4.32.5
PYTHONPATH=packages python3 -c 'import schemathesis'
