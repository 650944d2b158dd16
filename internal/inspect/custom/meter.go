package custom

import (
	"context"
	"fmt"

	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	"kubeops.io/kubeops/internal/pattern"
)

// Limits of one evaluation of an expression on one object. The cost of CEL is computed after a function has returned, so it does not bound
// what a single call can create.
const (
	// maxMemory that the functions of an evaluation may allocate, in bytes. The cost tracker of CEL keeps most values until the evaluation
	// ends.
	maxMemory = 32 << 20
	// maxValue is the size of a value in bytes, with every element counted each time it occurs: [x, x] has twice the size of x.
	maxValue = 8 << 20
	// maxNesting of lists and maps in a value.
	maxNesting = 256
	// maxWork is the number of steps of functions whose work can exceed their input: comparisons of elements, and instructions of regular
	// expressions per character.
	maxWork = 100_000_000
	// maxParsed is the length of a text that a function parses, for example a quantity or a URL, in bytes.
	maxParsed = 4096
)

const (
	// callMemory and loopMemory are what the cost tracker of CEL keeps for a call, and for each step of a loop.
	callMemory = 64
	loopMemory = 128
	// callsPerCheck is the number of calls between two looks at the context.
	callsPerCheck = 16
	// workPerCheck is the number of steps between two looks at the context: some milliseconds.
	workPerCheck = 1 << 18
	// varMeter is the variable with the meter of an evaluation. It is not an identifier of CEL, so expressions cannot use it.
	varMeter = "@meter"
)

// limitError means that an evaluation exceeded a limit.
type limitError struct{ text string }

func (e *limitError) Error() string { return e.text }

// meter counts what one evaluation uses. Its methods end the evaluation with a panic of the type that CEL recovers from: an error value
// would be lost in expressions such as x || true. It is not safe for concurrent use.
type meter struct {
	ctx    context.Context
	memory int
	work   int
	// calls and unchecked steps since the last look at ctx.
	calls, unchecked int
	// exceeded limit; nil while there is none.
	exceeded *limitError
	// weights of lists and maps that were weighed.
	weights map[identity]weight
	// growing are the lists and maps that loops append to.
	growing map[ref.Val]weight
	// patterns that are no constants, with the budget for their size.
	patterns map[string]compiledPattern
	budget   pattern.Budget
}

// meterOf returns the meter of an evaluation, or nil while constants are computed.
func meterOf(activation interpreter.Activation) *meter {
	value, _ := activation.ResolveName(varMeter)
	m, _ := value.(*meter)
	return m
}

// call counts a call of a function, or a step of a loop, with its memory.
func (m *meter) call(memory int) {
	m.allocate(memory)
	if m.calls++; m.calls%callsPerCheck == 0 {
		m.checkContext()
	}
}

// allocate counts bytes before they are allocated.
func (m *meter) allocate(bytes int) {
	if bytes < 0 || bytes > maxMemory {
		bytes = maxMemory + 1
	}
	if m.memory += bytes; m.memory > maxMemory {
		m.exceed("one evaluation needs more than %d MiB of memory for its values", maxMemory>>20)
	}
}

// spend counts steps of a function before they are done.
func (m *meter) spend(steps int) {
	if steps < 0 || steps > maxWork {
		steps = maxWork + 1
	}
	if m.work += steps; m.work > maxWork {
		m.exceed("the functions of one evaluation need more than %d million steps", maxWork/1_000_000)
	}
	if m.unchecked += steps; m.unchecked >= workPerCheck {
		m.checkContext()
	}
}

func (m *meter) checkContext() {
	m.unchecked = 0
	if m.ctx.Err() != nil {
		panic(interpreter.EvalCancelledError{Message: "the deadline has passed", Cause: interpreter.ContextCancelled})
	}
}

func (m *meter) exceed(format string, args ...any) {
	m.exceeded = &limitError{fmt.Sprintf(format, args...)}
	panic(interpreter.EvalCancelledError{Message: m.exceeded.text, Cause: interpreter.CostLimitExceeded})
}
