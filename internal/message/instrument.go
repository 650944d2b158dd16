package message

import (
	"fmt"
	"strconv"
	"strings"
	"text/template/parse"
)

// Names of the functions that count. They are added after parsing, so a user's template cannot call them.
const (
	callStep   = "kubeopsStep"
	callEnter  = "kubeopsEnter"
	callLeave  = "kubeopsLeave"
	callFormat = "kubeopsFormat"
)

// argumentsPerStep is the number of arguments that count as one step.
const argumentsPerStep = 10

// instrumentation adds calls of the counting functions to a parsed template. Each list of nodes, such as the body of a range or a branch
// of an if, pays for its nodes when it is entered.
type instrumentation struct {
	tree *parse.Tree
	err  error
}

// template instruments the body of a template, which also counts the depth.
func (i *instrumentation) template(root *parse.ListNode) {
	i.list(root)
	root.Nodes = append([]parse.Node{i.call(callEnter, root.Pos)}, root.Nodes...)
	root.Nodes = append(root.Nodes, i.call(callLeave, root.Pos))
}

// list instruments a list of nodes and the lists below it.
func (i *instrumentation) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	steps := 0
	for _, node := range list.Nodes {
		steps += i.node(node)
	}
	list.Nodes = append([]parse.Node{i.call(callStep, list.Pos, max(steps, 1))}, list.Nodes...)
}

// node returns the steps of a node without the lists below it, which pay for themselves.
func (i *instrumentation) node(node parse.Node) int {
	switch n := node.(type) {
	case *parse.ActionNode:
		return i.pipe(n.Pipe)
	case *parse.TemplateNode:
		return 1 + i.pipe(n.Pipe)
	case *parse.IfNode:
		return 1 + i.branch(&n.BranchNode)
	case *parse.WithNode:
		return 1 + i.branch(&n.BranchNode)
	case *parse.RangeNode:
		return 1 + i.branch(&n.BranchNode)
	default:
		return 1
	}
}

func (i *instrumentation) branch(branch *parse.BranchNode) int {
	i.list(branch.List)
	i.list(branch.ElseList)
	return i.pipe(branch.Pipe)
}

// pipe returns the steps of a pipeline: one per command, and one per 10 arguments.
func (i *instrumentation) pipe(pipe *parse.PipeNode) int {
	if pipe == nil {
		return 0
	}
	steps := 0
	for n, command := range pipe.Cmds {
		i.method(command, n > 0)
		steps += 1 + len(command.Args)/argumentsPerStep
		for _, argument := range command.Args {
			switch a := argument.(type) {
			case *parse.PipeNode:
				steps += i.pipe(a)
			case *parse.ChainNode:
				if inner, ok := a.Node.(*parse.PipeNode); ok {
					steps += i.pipe(inner)
				}
			}
		}
	}
	return steps
}

// method refuses methods with arguments: they would bypass the bounds of the functions. The Format of a time, whose text could grow with
// each call, becomes a function.
func (i *instrumentation) method(command *parse.CommandNode, piped bool) {
	receiver := withoutLast(command.Args[0], "Format")
	switch {
	case len(command.Args) < 2 && !piped || !selects(command.Args[0]):
	case receiver != nil && len(command.Args) == 2 && !piped:
		command.Args = []parse.Node{i.identifier(callFormat, command.Pos), receiver, command.Args[1]}
	case i.err == nil:
		location, _ := i.tree.ErrorContext(command)
		_, location, _ = strings.Cut(location, ":")
		i.err = fmt.Errorf("%s: %s cannot have arguments", location, command.Args[0])
	}
}

// selects reports whether a node is a field or method of a value.
func selects(node parse.Node) bool {
	switch n := node.(type) {
	case *parse.FieldNode, *parse.ChainNode:
		return true
	case *parse.VariableNode:
		return len(n.Ident) > 1
	default:
		return false
	}
}

// withoutLast returns the receiver of a method, or nil if the node does not end in the method.
func withoutLast(node parse.Node, method string) parse.Node {
	switch n := node.(type) {
	case *parse.FieldNode:
		last := len(n.Ident) - 1
		switch {
		case n.Ident[last] != method:
			return nil
		case last == 0:
			return &parse.DotNode{NodeType: parse.NodeDot, Pos: n.Pos}
		}
		clone := n.Copy().(*parse.FieldNode)
		clone.Ident = clone.Ident[:last]
		return clone
	case *parse.ChainNode:
		last := len(n.Field) - 1
		switch {
		case n.Field[last] != method:
			return nil
		case last == 0:
			return n.Node
		}
		clone := n.Copy().(*parse.ChainNode)
		clone.Field = clone.Field[:last]
		return clone
	case *parse.VariableNode:
		last := len(n.Ident) - 1
		if n.Ident[last] != method || last == 0 {
			return nil
		}
		clone := n.Copy().(*parse.VariableNode)
		clone.Ident = clone.Ident[:last]
		return clone
	default:
		return nil
	}
}

func (i *instrumentation) identifier(name string, pos parse.Pos) *parse.IdentifierNode {
	return parse.NewIdentifier(name).SetTree(i.tree).SetPos(pos)
}

// call returns an action that calls a function which returns no text.
func (i *instrumentation) call(name string, pos parse.Pos, arguments ...int) parse.Node {
	args := []parse.Node{i.identifier(name, pos)}
	for _, n := range arguments {
		number := &parse.NumberNode{NodeType: parse.NodeNumber, Pos: pos, IsInt: true, Int64: int64(n), Text: strconv.Itoa(n)}
		args = append(args, number)
	}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{{NodeType: parse.NodeCommand, Pos: pos, Args: args}},
	}}
}
