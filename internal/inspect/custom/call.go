package custom

import (
	"fmt"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"

	"kubeops.io/kubeops/internal/pattern"
)

// limiter puts bounds around the functions of an expression when CEL plans its program.
type limiter struct {
	adapter    types.Adapter
	dispatcher interpreter.Dispatcher
	bounds     map[string]bound
	// patterns is the budget of the constant regular expressions of all checks.
	patterns *pattern.Budget
}

func newLimiter(env *cel.Env) (*limiter, error) {
	dispatcher := interpreter.NewDispatcher()
	for _, function := range env.Functions() {
		overloads, err := function.Bindings()
		if err == nil {
			err = dispatcher.Add(overloads...)
		}
		if err != nil {
			return nil, err
		}
	}
	return &limiter{adapter: env.CELTypeAdapter(), dispatcher: dispatcher, bounds: bounds(), patterns: &pattern.Budget{}}, nil
}

// option applies the bounds to the program of an expression.
func (l *limiter) option(ast *celast.AST) cel.ProgramOption {
	conditions := loopConditions(ast.Expr())
	return cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		return l.decorate(i, conditions)
	})
}

// decorate replaces the calls of functions by calls with a bound, weighs the lists and maps of an expression, and counts the steps of
// loops, whose conditions are given by their ids.
func (l *limiter) decorate(i interpreter.InterpretableV2, conditions map[int64]bool) (interpreter.InterpretableV2, error) {
	switch node := i.(type) {
	case interpreter.InterpretableConst:
		if conditions[i.ID()] {
			return &loopStep{i}, nil
		}
		return i, nil
	case interpreter.InterpretableCall:
		limits, ok := l.bounds[node.Function()]
		if !ok {
			return nil, fmt.Errorf("function %s is not available in custom checks", node.Function())
		}
		switch node.Function() {
		case "matches", "find", "findAll":
			return l.regexCall(node)
		}
		return &call{InterpretableCall: node, args: node.Args(), bound: limits, invoke: l.implementation(node)}, nil
	case interpreter.InterpretableConstructor:
		for _, value := range node.InitVals() {
			if _, constant := value.(interpreter.InterpretableConst); !constant {
				return &constructor{node}, nil
			}
		}
	}
	return i, nil
}

// implementation returns the function that CEL would call.
func (l *limiter) implementation(node interpreter.InterpretableCall) invocation {
	switch node.Function() {
	case "_==_":
		return strict(func(args []ref.Val) ref.Val { return types.Equal(args[0], args[1]) })
	case "_!=_":
		return strict(func(args []ref.Val) ref.Val { return types.Bool(types.Equal(args[0], args[1]) != types.True) })
	}
	overload, ok := l.dispatcher.FindOverload(node.OverloadID())
	if !ok {
		overload, ok = l.dispatcher.FindOverload(node.Function())
	}
	if !ok {
		overload = &functions.Overload{}
	}
	dispatch := func(args []ref.Val) ref.Val { return dispatch(overload, node, args) }
	if overload.NonStrict {
		return dispatch
	}
	if node.Function() == "_+_" {
		return strict(l.concatenate(dispatch))
	}
	return strict(dispatch)
}

// invocation calls a function with its arguments.
type invocation func(args []ref.Val) ref.Val

// strict returns an argument that is an error instead of calling the function.
func strict(invoke invocation) invocation {
	return func(args []ref.Val) ref.Val {
		for _, arg := range args {
			if types.IsUnknownOrError(arg) {
				return arg
			}
		}
		return invoke(args)
	}
}

// dispatch calls an overload as the interpreter of CEL does.
func dispatch(overload *functions.Overload, node interpreter.InterpretableCall, args []ref.Val) ref.Val {
	if len(args) == 0 {
		return overload.Function()
	}
	receiver := args[0]
	bound := overload.Unary != nil || overload.Binary != nil || overload.Function != nil
	if bound && (overload.OperandTrait == 0 || types.IsUnknownOrError(receiver) || receiver.Type().HasTrait(overload.OperandTrait)) {
		switch {
		case len(args) == 1 && overload.Unary != nil:
			return overload.Unary(receiver)
		case len(args) == 2 && overload.Binary != nil:
			return overload.Binary(receiver, args[1])
		case overload.Function != nil:
			return overload.Function(args...)
		}
	}
	if receiver.Type().HasTrait(traits.ReceiverType) {
		return receiver.(traits.Receiver).Receive(node.Function(), node.OverloadID(), args[1:])
	}
	return types.NewErr("no such overload: %s", node.Function())
}

// concatenate copies lists that are added. CEL returns a view of both, and views of views take longer to read with each level.
func (l *limiter) concatenate(otherwise invocation) invocation {
	return func(args []ref.Val) ref.Val {
		if len(args) == 2 {
			first, ok := args[0].(traits.Lister)
			second, also := args[1].(traits.Lister)
			if _, growing := args[0].(traits.MutableLister); ok && also && !growing {
				elements := make([]ref.Val, 0, length(first)+length(second))
				return types.NewRefValList(l.adapter, appendElements(appendElements(elements, first), second))
			}
		}
		return otherwise(args)
	}
}

func appendElements(elements []ref.Val, list traits.Lister) []ref.Val {
	for i := range length(list) {
		elements = append(elements, list.Get(types.Int(i)))
	}
	return elements
}

// call is a call of a function with a bound.
type call struct {
	interpreter.InterpretableCall
	args   []interpreter.InterpretableV2
	bound  bound
	invoke invocation
}

// Args are the arguments, which may differ from those of the planned call.
func (c *call) Args() []interpreter.InterpretableV2 { return c.args }

// Eval calls the function.
func (c *call) Eval(activation interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(activation))
}

// Exec calls the function after its bound.
func (c *call) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	m := meterOf(frame)
	if m != nil {
		m.call(callMemory)
	}
	args := make([]ref.Val, len(c.args))
	failed := false
	for i, arg := range c.args {
		args[i] = arg.Exec(frame)
		if types.IsError(args[i]) || len(args) != 2 && types.IsUnknownOrError(args[i]) {
			return args[i] // as CEL does, while an operator evaluates both operands where one is unknown
		}
		failed = failed || types.IsUnknown(args[i])
	}
	if m == nil || failed {
		return types.LabelErrNode(c.ID(), c.invoke(args))
	}
	if err := c.bound(m, args); err != nil {
		return types.NewErrWithNodeID(c.ID(), "%s", err)
	}
	result := c.invoke(args)
	m.result(args, result)
	return types.LabelErrNode(c.ID(), result)
}

// result weighs the result of a call. What was added to the list or map of a loop is weighed once.
func (m *meter) result(args []ref.Val, result ref.Val) {
	switch v := result.(type) {
	case traits.MutableLister:
		if added, ok := args[len(args)-1].(traits.Lister); ok && v == args[0] {
			m.grow(result, appendElements(nil, added)...)
		}
	case traits.MutableMapper:
		m.grow(result, args[1:]...)
	case traits.Lister, traits.Mapper, *types.Optional:
		m.weigh(result)
	}
}

// constructor is a list or map in an expression, whose result is weighed.
type constructor struct {
	interpreter.InterpretableConstructor
}

// Eval creates the list or map.
func (c *constructor) Eval(activation interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(activation))
}

// Exec creates the list or map.
func (c *constructor) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	m := meterOf(frame)
	if m != nil {
		m.call(callMemory)
		m.allocate(2 * listMemory * len(c.InitVals()))
	}
	result := c.InterpretableConstructor.Exec(frame)
	if m != nil && !types.IsUnknownOrError(result) {
		m.weigh(result)
	}
	return result
}

// loopStep is the condition of a loop whose condition is constant. Those of other loops are calls.
type loopStep struct{ interpreter.InterpretableV2 }

// Eval returns the condition.
func (s *loopStep) Eval(activation interpreter.Activation) ref.Val {
	return s.Exec(interpreter.AsFrame(activation))
}

// Exec returns the condition and counts a step.
func (s *loopStep) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	if m := meterOf(frame); m != nil {
		m.call(loopMemory)
	}
	return s.InterpretableV2.Exec(frame)
}
