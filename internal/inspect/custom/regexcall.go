package custom

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	"kubeops.io/kubeops/internal/pattern"
)

// compiledPattern is a pattern that an evaluation has compiled, or its error.
type compiledPattern struct {
	expression *pattern.Expression
	err        error
}

// variable hides from CEL that an argument is constant: it would compile the pattern without a bound.
type variable struct{ interpreter.InterpretableV2 }

// regexCall is matches, find or findAll. Constant patterns are compiled here, once the size of their program is known to be within the
// limits. Others, such as a pattern in an annotation, are compiled when they occur, with a budget for each evaluation. They are not
// refused, since a check can compare objects with what another object or a label requests; a pattern that is too large is an error of
// that object.
func (l *limiter) regexCall(node interpreter.InterpretableCall) (interpreter.InterpretableV2, error) {
	args := append([]interpreter.InterpretableV2{}, node.Args()...)
	c := &regexCall{call: call{InterpretableCall: node, args: args}}
	if constant, ok := args[1].(interpreter.InterpretableConst); ok {
		if source, ok := constant.Value().(types.String); ok {
			compiled, err := pattern.Compile(string(source), l.patterns)
			if err != nil {
				return nil, err
			}
			c.compiled = compiled
			args[1] = variable{args[1]}
		}
	}
	return c, nil
}

type regexCall struct {
	call
	compiled *pattern.Expression
}

// Eval calls the function.
func (c *regexCall) Eval(activation interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(activation))
}

// Exec searches the text. The search pays for its steps as it goes.
func (c *regexCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	m := meterOf(frame)
	if m == nil {
		return types.NoSuchOverloadErr()
	}
	m.call(callMemory)
	args := make([]ref.Val, len(c.args))
	for i, arg := range c.args {
		if args[i] = arg.Exec(frame); types.IsUnknownOrError(args[i]) {
			return args[i]
		}
	}
	in, ok := args[0].(types.String)
	source, also := args[1].(types.String)
	if !ok || !also {
		return types.NoSuchOverloadErr()
	}
	compiled := c.compiled
	if compiled == nil {
		var err error
		if compiled, err = m.compile(string(source)); err != nil {
			return types.NewErrWithNodeID(c.ID(), "%s", err)
		}
	}
	return c.search(m, compiled, string(in), number(args, 2, -1))
}

func (c *regexCall) search(m *meter, compiled *pattern.Expression, in string, limit int) ref.Val {
	spend := func(steps int) error {
		m.spend(steps)
		return nil
	}
	if c.Function() == "matches" {
		found, err := compiled.Match(in, spend)
		return resultOf(types.Bool(found), err)
	}
	if c.Function() == "find" {
		limit = 1
	}
	m.allocate(len(in)) // the positions of matches
	found, err := compiled.FindAll(in, limit, spend)
	if c.Function() == "find" {
		return resultOf(types.String(append(found, "")[0]), err)
	}
	m.allocate(2 * listMemory * len(found))
	return resultOf(types.NewStringList(types.DefaultTypeAdapter, found), err)
}

func resultOf(value ref.Val, err error) ref.Val {
	if err != nil {
		return types.WrapErr(err)
	}
	return value
}

// compile compiles a pattern that is no constant, once per evaluation.
func (m *meter) compile(source string) (*pattern.Expression, error) {
	known, ok := m.patterns[source]
	if !ok {
		m.spend(len(source))
		known.expression, known.err = pattern.Compile(source, &m.budget)
		if m.patterns == nil {
			m.patterns = map[string]compiledPattern{}
		}
		m.patterns[source] = known
	}
	return known.expression, known.err
}
