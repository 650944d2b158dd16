# Runs VRL programs: one JSON object a line, {"condition", "program", "event"}, is answered by one line: the event, null when the
# condition is false, or {"error"}.
import json
import sys

from vrl_python import VRLRuntime

runtime = VRLRuntime("UTC")  # keeps compiled programs
checked = set()

for line in sys.stdin:
    job = json.loads(line)
    try:
        for program in (job.get("condition"), job["program"]):
            wrong = VRLRuntime.check_syntax(program) if program and program not in checked else None
            checked.add(program)
            if wrong is not None:
                raise ValueError(wrong.formatted_message or wrong.messages)
        if job.get("condition") and not runtime.execute(job["condition"], job["event"]).runtime_result:
            answer = None
        else:
            answer = {"event": runtime.execute(job["program"], job["event"]).processed_event}
    except Exception as error:  # whatever it is, the test shows it
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
